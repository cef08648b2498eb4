# A declaration of features as it was understood: names are ids, defaults are filled in, and what could
# not be understood is a finding. As internal/feature/wish.go.
{ lib, catalogue, edit }:
declaration:
let
  inherit (builtins) attrNames filter hasAttr head length match;
  inherit (edit) keyed or' quote remove replace section sentence set unmention;
  nearest = import ./nearest.nix { inherit lib; };

  given = name: if declaration ? ${name} && declaration.${name} != null then declaration.${name} else null;
  orElse = default: v: if v == null then default else v;
  refused = code: path: subject: what: why: remedy: { inherit code path subject what why remedy; };

  # Features by id, and who is meant by a name.
  byId = lib.listToAttrs (map (f: lib.nameValuePair f.id f) catalogue.features);
  idOf = name: if hasAttr name byId then name else catalogue.aliases.${name} or null;
  near = name: lib.unique (map idOf (nearest name (attrNames byId ++ attrNames catalogue.aliases) 3));

  unknownName = option: name: path:
    let
      close = near name;
      hint = if close == [ ] then "hv feature list names them all" else "did you mean ${lib.concatStringsSep " or " close}?";
    in
    refused "HV-FEAT-001" path [ (quote name) option ] "there is no feature ${quote name}"
      "no feature has that id; ${hint}"
      (or' (map (replace option name) close ++ [ (remove option name) ]));

  unknownValue = code: option: kind: value: known:
    let closest = nearest value known 1; in
    refused code "${section}.${option}" [ (quote value) ] "there is no ${kind} ${quote value}"
      "known are ${lib.concatStringsSep ", " known}"
      (or' (map (set option) (if closest == [ ] then known else closest)));

  tooMany = option: entries: lib.optional (entries > catalogue.maxEntries)
    (refused "HV-FEAT-005" "${section}.${option}" [ option ]
      "${option} holds ${toString entries} entries, and at most ${toString catalogue.maxEntries} are read"
      "the catalogue has ${toString (length catalogue.features)} features"
      (or' [ "name each feature once in ${section}.${option}" "remove ${section}.${option}" ]));

  # Profile and tolerance.
  profileName = orElse catalogue.defaultProfile (given "profile");
  profile = lib.findFirst (p: p.name == profileName) null catalogue.profiles;
  toleranceName = orElse catalogue.defaultTolerance (given "riskTolerance");
  tolerance = lib.findFirst (t: t.name == toleranceName) null catalogue.tolerances;
  listed = given "enabledFeatures" != null;

  ofProfile =
    lib.optional (profile == null)
      (unknownValue "HV-FEAT-002" "profile" "profile" profileName (map (p: p.name) catalogue.profiles))
    ++ lib.optional (profile != null && profile.list && !listed)
      (refused "HV-FEAT-004" "${section}.profile" [ "enabledFeatures" ]
        "profile ${quote profileName} needs a list of features, and enabledFeatures is not given"
        "custom selects exactly what is listed"
        (or' [ "set ${section}.enabledFeatures = [ … ]; an empty list is core only" (set "profile" catalogue.defaultProfile) ]));
  ofTolerance = lib.optional (tolerance == null)
    (unknownValue "HV-FEAT-003" "riskTolerance" "risk tolerance" toleranceName (map (t: t.name) catalogue.tolerances));

  # Lists of names: mentions of known ones, and one finding for each unknown name.
  read = option:
    let
      names = orElse [ ] (given option);
      fits = length names <= catalogue.maxEntries;
      each = lib.imap0 (i: name: { inherit option name; id = idOf name; path = "${section}.${option}[${toString i}]"; }) names;
      first = m: head (filter (o: o.name == m.name) each) == m;
    in
    {
      mentions = lib.optionals fits (filter (m: m.id != null) each);
      findings = tooMany option (length names)
        ++ lib.optionals fits (map (m: unknownName option m.name m.path) (filter (m: m.id == null && first m) each));
    };
  enabled = read "enabledFeatures";
  extra = read "extraFeatures";
  off = read "disabledFeatures";

  mentionsOf = all: builtins.mapAttrs (_: at: lib.sort (a: b: "${a.option}\n${a.name}" < "${b.option}\n${b.name}") at)
    (builtins.groupBy (m: m.id) all);
  named = mentionsOf (enabled.mentions ++ extra.mentions);
  named' = id: named.${id} or [ ];
  off' = mentionsOf off.mentions;

  # What is named on and off, and core in disabledFeatures; neither counts as disabled afterwards.
  contradiction = id:
    let at = off'.${id}; where = all: sentence (lib.unique (map (m: "${section}.${m.option}") all)); in
    if byId.${id}.core then
      refused "HV-FEAT-009" (head at).path [ id ] "${id} cannot be off" "it is core: all else rests on it" (unmention at)
    else if named' id != [ ] then
      refused "HV-FEAT-008" (head at).path [ id ] "${id} is named on and off"
        "it is in ${where (named' id)} and in ${where at}" (or' [ (unmention at) (unmention (named' id)) ])
    else null;

  # Acknowledged risks. A blank reason acknowledges nothing.
  reasons = orElse { } (given "acknowledgedRisks");
  reasonsFit = length (attrNames reasons) <= catalogue.maxEntries;
  risks = lib.optionals reasonsFit
    (filter (id: id != null) (map (n: if match "[[:space:]]*" reasons.${n} == null then idOf n else null) (attrNames reasons)));
  ofRisks = tooMany "acknowledgedRisks" (length (attrNames reasons))
    ++ lib.optionals reasonsFit (map (n: unknownName "acknowledgedRisks" n "${section}.${keyed "acknowledgedRisks" n}")
      (filter (n: idOf n == null) (attrNames reasons)));

  # Scopes of conflicts, each entry once under both of its features.
  scopes = import ./scopes.nix { inherit lib catalogue edit idOf refused tooMany unknownName; } (orElse { } (given "conflictScope"));  disabled = lib.filterAttrs (id: _: contradiction id == null) off';
in
{
  inherit byId listed named named' profileName refused risks scopes toleranceName;
  members = filter (id: !(disabled ? ${id})) (if profile == null then [ ] else profile.members);
  limit = if tolerance == null then "critical" else tolerance.cap;
  waived = tolerance == null || tolerance.waives;
  inherit disabled;
  findings = ofProfile ++ ofTolerance ++ enabled.findings ++ extra.findings ++ off.findings ++ ofRisks ++ scopes.findings
    ++ filter (f: f != null) (map contradiction (attrNames off'));
}
