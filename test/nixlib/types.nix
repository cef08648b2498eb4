# Types of options: what a definition has to be, and how several come together.
lib:
let
  inherit (builtins) all attrNames concatMap filter head isAttrs isBool isInt isList isString length match tail;
  shown = lib.concatStringsSep ".";
  equal = loc: defs:
    if all (d: d.value == (head defs).value) (tail defs) then (head defs).value
    else throw "The option `${shown loc}' has conflicting definition values.";
  type = name: check: { inherit name check; merge = equal; };

  # One of several definitions of a name: those that count, merged; [ ] where none does.
  one = t: loc: defs:
    let live = lib.standing defs; bad = filter (d: !(t.check d.value)) live; in
    if live == [ ] then [ ]
    else if bad != [ ] then throw "A definition for option `${shown loc}' is not of type `${t.name}'."
    else [ (t.merge loc live) ];
  names = defs: lib.unique (concatMap (d: attrNames d.value) defs);
  of = name: defs: concatMap (d: lib.optional (d.value ? ${name}) (d // { value = d.value.${name}; })) defs;
  byName = t: loc: defs: lib.listToAttrs (concatMap (n: map (lib.nameValuePair n) (one t (loc ++ [ n ]) (of n defs))) (names defs));
  joined = t: loc: defs: concatMap (d: concatMap (value: one t loc [ (d // { inherit value; }) ]) d.value) defs;
in
{
  types = rec {
    anything = {
      name = "anything";
      check = _: true;
      merge = loc: defs:
        if all (d: isAttrs d.value && !(d.value ? outPath)) defs then byName anything loc defs
        else if all (d: isList d.value) defs && length defs > 1 then concatMap (d: d.value) defs
        else equal loc defs;
    };
    unspecified = anything;
    raw = type "raw value" (_: true);
    bool = type "boolean" isBool;
    str = type "string" isString;
    int = type "signed integer" isInt;
    package = type "package" isAttrs;
    path = type "absolute path" (v: match "/.*" (toString v) != null);
    lines = str // { merge = _: defs: lib.concatMapStringsSep "\n" (d: d.value) defs; };
    port = ints.between 0 65535;
    ints = {
      unsigned = type "unsigned integer, meaning >=0" (v: isInt v && v >= 0);
      positive = type "positive integer, meaning >0" (v: isInt v && v > 0);
      between = low: high: type "integer between ${toString low} and ${toString high} (both inclusive)" (v: isInt v && v >= low && v <= high);
    };
    enum = values: type "one of ${lib.concatMapStringsSep ", " builtins.toJSON values}" (v: lib.elem v values);
    strMatching = pattern: type "string matching the pattern ${pattern}" (v: isString v && match pattern v != null);
    addCheck = t: check: t // { check = v: t.check v && check v; };
    nullOr = t: {
      name = "null or ${t.name}";
      check = v: v == null || t.check v;
      merge = loc: defs: if all (d: d.value != null) defs then t.merge loc defs else equal loc defs;
    };
    either = a: b: {
      name = "${a.name} or ${b.name}";
      check = v: a.check v || b.check v;
      merge = loc: defs: if all (d: a.check d.value) defs then a.merge loc defs else if all (d: b.check d.value) defs then b.merge loc defs else equal loc defs;
    };
    listOf = t: { name = "list of ${t.name}"; check = isList; merge = joined t; };
    attrsOf = t: { name = "attribute set of ${t.name}"; check = isAttrs; merge = byName t; };
    submodule = module: {
      name = "submodule";
      check = v: isAttrs v || builtins.isFunction v;
      merge = loc: defs: (lib.evalModules {
        prefix = loc;
        modules = [ module ] ++ map (d: if builtins.isFunction d.value then d.value else { config = d.value; _file = d.file; }) defs;
      }).config;
    };
  };
}
