# The declared scopes of conflicts. As internal/feature/wish_maps.go.
{ lib, catalogue, edit, idOf, refused, tooMany, unknownName }:
declared:
let
  inherit (builtins) attrNames elem filter foldl' length toJSON;
  inherit (edit) and keyed or' quote section sentence set;
  entries = length (attrNames declared) + lib.foldl' (n: a: n + length (attrNames declared.${a})) 0 (attrNames declared);
  fits = entries <= catalogue.maxEntries;

  relation = a: b: lib.findFirst (r: r.a == a && r.b == b || r.a == b && r.b == a) null catalogue.conflicts;
  same = r: s: r.a == s.a && r.b == s.b;

  bad = r: e: what: why: choices:
    refused "HV-FEAT-016" e.path [ r.a r.b ] what why (or' (map (set e.option) choices));

  # One entry after the other; an unknown name is said once.
  step = state: e:
    let
      unknown = n: option: path:
        lib.optional (idOf n == null && !(elem n state.said)) { inherit n; finding = unknownName option n path; };
      news = if e ? b then unknown e.b (keyed "conflictScope" e.a) e.path
        else unknown e.a "conflictScope" "${section}.${keyed "conflictScope" e.a}";
      r = relation (idOf e.a) (idOf e.b);
      choices = r.choices;
      before = lib.findFirst (s: same r s.r) null state.set;
      read =
        if !(e ? b) || idOf e.a == null || idOf e.b == null || r == null then { }
        else if !(elem e.scope choices) then {
          findings = [ (bad r e "${e.option} cannot be ${quote e.scope}"
            "the conflict of ${r.a} and ${r.b} can hold on ${sentence choices}: ${r.reason}" choices) ];
        }
        else if before != null && before.scope != e.scope then {
          findings = [ (bad r e "${before.option} is ${toJSON before.scope}, and ${e.option} is ${toJSON e.scope}"
            "a pair has one scope, whichever way round it is written" [ before.scope ]) ];
        }
        else { set = [ (e // { inherit r; }) ]; };
    in
    {
      said = state.said ++ map (u: u.n) news;
      findings = state.findings ++ map (u: u.finding) news ++ read.findings or [ ];
      set = state.set ++ read.set or [ ];
    };
  all = lib.concatMap
    (a: [ { inherit a; } ] ++ map
      (b: {
        inherit a b;
        scope = declared.${a}.${b};
        option = keyed (keyed "conflictScope" a) b;
        path = "${section}.${keyed (keyed "conflictScope" a) b}";
      })
      (attrNames declared.${a}))
    (attrNames declared);
  state = foldl' step { said = [ ]; findings = [ ]; set = [ ]; } (lib.optionals fits all);
  entries' = r: filter (s: same r s.r) state.set;
in
{
  findings = tooMany "conflictScope" entries ++ state.findings;
  of = r: if entries' r == [ ] then r.scope else (builtins.head (entries' r)).scope;
  # The edits that give a conflict another scope, wherever its scope is declared or would be.
  rescoped = r: scope:
    and (if entries' r == [ ] then [ (set "conflictScope.${r.a}.${r.b}" scope) ] else map (s: set s.option scope) (entries' r));
}
