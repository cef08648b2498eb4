# What a declaration of features comes to before any host is asked: what is refused, and what is added.
# The rules and the words are those of internal/feature, over the same data: a test holds both against
# many declarations. What a host lacks is told by `hv config check` and by the daemon, never here.
{ lib, catalogue ? import ./catalogue.nix }:
{ platform, declaration }:
let
  inherit (builtins) any attrNames elem filter head length sort;
  edit = import ./edit.nix { inherit lib; };
  inherit (edit) acknowledge add and or' requires section set unmention verb;
  wish = import ./wish.nix { inherit lib catalogue edit; } declaration;
  inherit (wish) byId named' refused;

  rank = risk: lib.findFirst (i: builtins.elemAt catalogue.risks i == risk) (-1) (lib.range 0 (length catalogue.risks - 1));
  over = a: b: rank a > rank b;
  wantsReason = f: !(over "high" f.risk);

  ids = map (f: f.id) catalogue.features;
  inOrder = set: filter (id: elem id set) ids;
  closure = of: lib.unique (lib.concatMap (id: byId.${id}.closure) of);
  users = id: of: filter (u: elem id byId.${u}.closure) of; # in the order of `of`

  # What is held against one feature, told without its subject.
  objections = f:
    let
      enough = lib.findFirst (t: !(over f.risk t.cap)) (lib.last catalogue.tolerances) catalogue.tolerances;
      acknowledged = elem f.id wish.risks;
      support = f.platforms.${platform} or null;
    in
    (if over f.risk wish.limit then [{
      code = "HV-FEAT-012";
      what = "is ${f.risk}, and riskTolerance ${builtins.toJSON wish.toleranceName} allows at most ${wish.limit}";
      why = "it exposes ${f.exposes}";
      fix = and [ (set "riskTolerance" enough.name)
        (lib.optionalString (wantsReason f && !enough.waives && !acknowledged) (acknowledge f.id)) ];
    }] else lib.optional (wantsReason f && !wish.waived && !acknowledged) {
      code = "HV-FEAT-014";
      what = "is ${f.risk}, and nobody has acknowledged the risk";
      why = "it exposes ${f.exposes}";
      fix = or' [ (acknowledge f.id) (set "riskTolerance" "accepting") ];
    })
    ++ lib.optional (support != null && !f.core) {
      code = "HV-FEAT-024"; what = "does not exist on ${platform}"; why = support; fix = "";
    };

  # What is named stays; members of the profile leave until nothing is held against those that stay.
  named = filter (id: named' id != [ ] && !byId.${id}.core) ids;
  kept = closure named;
  drop = members: id: lib.subtractLists (users id members) members;
  fromProfile = lib.optionals (!wish.listed) (filter (id: named' id == [ ]) wish.members);
  fitting =
    let all = closure (named ++ fromProfile); in
    lib.foldl' (m: f: if elem f.id kept || !(elem f.id all) || objections f == [ ] then m else drop m f.id)
      fromProfile catalogue.features;

  onHost = set: filter (r: elem r.a set && elem r.b set && wish.scopes.of r == "host") catalogue.conflicts;
  settle = members:
    let
      open = onHost (closure (named ++ members));
      rivals = id: lib.concatMap (r: if r.a == id then [ r.b ] else lib.optional (r.b == id) r.a) open;
      free = filter (id: !(elem id kept)) (lib.unique (lib.concatMap (r: [ r.a r.b ]) open));
      forced = filter (id: any (r: elem r kept) (rivals id)) free;
      key = id: { r = - (rank byId.${id}.risk); n = - (length (rivals id)); inherit id; };
      before = x: y:
        if x.r != y.r then x.r < y.r else if x.n != y.n then x.n < y.n else x.id < y.id;
      from = if forced != [ ] then forced else free;
    in
    if from == [ ] then members else settle (drop members (head (sort before (map key from))).id);
  members = settle fitting;
  selected = inOrder (named ++ members);
  effective = inOrder (lib.unique (filter (id: byId.${id}.core) ids ++ closure selected));

  # The edit that makes id no longer effective: also for those that the profile would bring back.
  without = id:
    let
      off = users id named;
      rest = if off != [ ] && !wish.listed then users id (inOrder wish.members) else users id (inOrder members);
    in
    and (map (u: unmention (named' u)) off ++ map (add "disabledFeatures") rest);

  # Where the declaration brings in the first of these.
  pathOf = first: others:
    let
      all = [ first ] ++ inOrder others;
      at = lib.findFirst (id: named' id != [ ]) null all;
      by = id: lib.findFirst (u: named' u != [ ]) null (users id ids);
      candidates = filter (id: id != null && !byId.${id}.core)
        [ first (lib.findFirst (id: !byId.${id}.core) null (inOrder others)) ];
      id = head candidates;
    in
    if at != null then (head (named' at)).path
    else if candidates == [ ] then ""
    else if by id != null then (head (named' (by id))).path
    else "${section}.profile";

  refusal = f: o:
    let
      namers = users f.id named;
      direct = named' f.id != [ ];
    in
    refused (if !direct && o.code == "HV-FEAT-012" then "HV-FEAT-013" else o.code)
      (pathOf f.id namers) ([ f.id ] ++ lib.optionals (!direct) namers)
      (if direct then "${f.id} ${o.what}" else "${requires namers f.id}, and ${f.id} ${o.what}")
      o.why (or' [ o.fix (without f.id) ]);

  conflict = r: refused "HV-FEAT-015" (pathOf (head (users r.a named)) [ ]) [ r.a r.b ]
    "${r.a} and ${r.b} conflict on one host" r.reason
    ("${r.remedy}: " + or' ([ (without r.a) (without r.b) ]
      ++ map (n: "${wish.scopes.rescoped r n.scope} (${n.adds})") r.narrower));

  inUse = id:
    let by = users id selected; at = wish.disabled.${id}; in
    lib.optional (by != [ ]) (refused "HV-FEAT-010" (head at).path ([ id ] ++ by)
      "${id} cannot be off: ${verb by "use"} it" (requires by id) (or' [ (unmention at) (without id) ]));

  addition = id:
    let by = users id selected; in
    refused "HV-FEAT-018" (pathOf (head by) (lib.tail by)) ([ id ] ++ by) "${id} is added: ${verb by "require"} it"
      "a missing requirement is added, not refused"
      (add (if wish.listed then "enabledFeatures" else "extraFeatures") id);
  missing = filter (id: !byId.${id}.core && !(elem id selected) && !(wish.disabled ? ${id})) effective;

  key = f: lib.concatStringsSep "\n" ([ f.code ] ++ f.subject) + "\n\n" + f.what;
  sorted = sort (a: b: key a < key b);
in
{
  inherit effective;
  refused = sorted (wish.findings ++ lib.concatMap inUse (attrNames wish.disabled)
    ++ lib.concatMap (f: lib.optionals (elem f.id kept) (map (refusal f) (objections f))) catalogue.features
    ++ map conflict (onHost kept));
  added = sorted (map addition missing);
  # As a build of a system shows it.
  text = f: "${f.code}: ${f.what}\n  why: ${f.why}\n  try: ${f.remedy}"
    + lib.optionalString (f.path != "") "\n  at:  ${f.path}";
}
