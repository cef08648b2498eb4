# A remedy as an edit of the declaration, and findings as sentences: the words of internal/feature/edit.go.
# Steps of one way are joined by "and", different ways by "; or".
{ lib }:
rec {
  section = "hypervisor.featureManager";
  # As Go quotes: names are cut where they are long.
  quote = s: builtins.toJSON (if builtins.stringLength s > 64 then builtins.substring 0 64 s + "…" else s);

  add = option: name: "add ${quote name} to ${section}.${option}";
  remove = option: name: "remove ${quote name} from ${section}.${option}";
  replace = option: name: by: "replace ${quote name} with ${quote by} in ${section}.${option}";
  set = option: value: "set ${section}.${option} = ${quote value}";
  acknowledge = id: set "acknowledgedRisks.${id}" "why it is worth it";
  unmention = at: and (map (m: remove m.option m.name) at);

  join = by: parts: lib.concatStringsSep by (lib.unique (builtins.filter (p: p != "") parts));
  and = join " and ";
  or' = join "; or ";

  sentence = names:
    if builtins.length names < 2 then lib.concatStrings names
    else "${lib.concatStringsSep ", " (lib.init names)} and ${lib.last names}";
  verb = users: does: "${sentence users} ${does}${if builtins.length users == 1 then "s" else ""}";
  requires = users: id: "${verb users "require"} ${id}";

  # A key of a map, below section; one that is no plain word stands in quotes.
  keyed = option: key:
    "${option}.${if builtins.match "[a-zA-Z0-9_-]+" key == null then builtins.toJSON key else key}";
}
