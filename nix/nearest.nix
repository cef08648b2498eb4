# The known names that somebody most likely meant: the measure of internal/nearest, so that an assertion
# and `hv config check` suggest the same.
{ lib }:
let
  inherit (builtins) elemAt filter foldl' genList length sort stringLength substring;
  min = a: b: if a < b then a else b;
  max = a: b: if a > b then a else b;
  most = 64;

  # Insertions, deletions, substitutions and swaps of neighbours.
  edits = a: b:
    let
      n = stringLength b;
      letter = s: i: substring i 1 s;
      first = genList (j: j) (n + 1);
      row = rows: i:
        let
          cell = row: j:
            let
              differ = if letter a (i - 1) == letter b (j - 1) then 0 else 1;
              best = min (min (elemAt rows.last j + 1) (elemAt row (j - 1) + 1)) (elemAt rows.last (j - 1) + differ);
              swap = i > 1 && j > 1 && letter a (i - 1) == letter b (j - 2) && letter a (i - 2) == letter b (j - 1);
            in
            row ++ [ (if swap then min best (elemAt rows.before (j - 2) + 1) else best) ];
        in
        { before = rows.last; last = foldl' cell [ i ] (genList (j: j + 1) n); };
    in
    elemAt (foldl' row { before = first; last = first; } (genList (i: i + 1) (stringLength a))).last n;

  distance = want: known:
    let
      w = lib.toLower want;
      k = lib.toLower known;
      far = edits w k;
      shorter = min (stringLength w) (stringLength k);
      longer = max (stringLength w) (stringLength k);
    in
    if stringLength known > most then null
    else if far <= max 2 (shorter / 3) && far < longer then far
    else if shorter >= 3 && substring 0 shorter w == substring 0 shorter k then most + far
    else null;
in
want: known: limit:
if want == "" || stringLength want > most then [ ]
else
  let
    near = filter (n: n.far != null) (map (name: { inherit name; far = distance want name; }) (lib.unique known));
    closer = a: b: if a.far == b.far then a.name < b.name else a.far < b.far;
  in
  map (n: n.name) (lib.take limit (sort closer near))
