# evalModules, mkOption and what unwraps mkIf and its like.
lib:
let
  inherit (builtins) attrNames concatMap elem filter foldl' head isAttrs isFunction isList isPath isString length
    mapAttrs sort tail;
  shown = lib.concatStringsSep ".";

  # The definitions behind a value: those whose conditions hold, each with its priority and turn.
  unwrap = d:
    let v = d.value; property = if isAttrs v then v._type or "" else ""; in
    if property == "if" then (if v.condition then unwrap (d // { value = v.content; }) else [ ])
    else if property == "merge" then concatMap (value: unwrap (d // { inherit value; })) v.contents
    else if property == "override" then unwrap ({ priority = v.priority; } // d // { value = v.content; })
    else if property == "order" then unwrap ({ turn = v.priority; } // d // { value = v.content; })
    else [ d ];
  standing = defs:
    let
      all = concatMap unwrap defs;
      priority = d: d.priority or 100;
      lowest = foldl' (low: d: if priority d < low then priority d else low) 1000000 all;
      count = filter (d: priority d == lowest) all;
    in
    map (d: { inherit (d) value file; }) (sort (a: b: (a.turn or 1000) < (b.turn or 1000)) count);

  # A group's definitions, with what stands around it moved to each name in it.
  push = v:
    let property = if isAttrs v then v._type or "" else ""; in
    if property == "if" then map (mapAttrs (_: lib.mkIf v.condition)) (push v.content)
    else if property == "merge" then concatMap push v.contents
    else if property == "override" then map (mapAttrs (_: lib.mkOverride v.priority)) (push v.content)
    else if property == "order" then map (mapAttrs (_: lib.mkOrder v.priority)) (push v.content)
    else [ v ];

  isOption = o: isAttrs o && (o._type or "") == "option";
  option = loc: o: defs:
    let live = standing defs; bad = filter (d: !(o.type.check d.value)) live; value =
      if live == [ ] then o.default or (throw "The option `${shown loc}' was accessed but has no value defined.")
      else if bad != [ ] then throw "A definition for option `${shown loc}' is not of type `${o.type.name}'."
      else o.type.merge loc live;
    in
    if o ? apply then o.apply value else value;
  group = loc: options: defs:
    let
      flat = concatMap (d: map (value: { inherit value; inherit (d) file; }) (push d.value)) defs;
      unknown = filter (n: !(options ? ${n})) (concatMap (d: attrNames d.value) flat);
      here = name: concatMap (d: lib.optional (d.value ? ${name}) { value = d.value.${name}; inherit (d) file; }) flat;
      one = name: o: (if isOption o then option else group) (loc ++ [ name ]) o (here name);
    in
    if unknown != [ ] then throw "The option `${shown (loc ++ [ (head unknown) ])}' does not exist."
    else mapAttrs one options;

  # Modules with all that they import, breadth first, each file once.
  collect = args: seen: todo:
    if todo == [ ] then [ ]
    else
      let
        it = head todo;
        file = isPath it || isString it;
        key = toString it;
        raw = if file then import it else it;
        called = if isFunction raw then raw args else raw;
        own = removeAttrs called [ "imports" "options" "_file" "key" ];
        module = {
          file = if file then key else called._file or "an inline module";
          options = called.options or { };
          config = called.config or own;
        };
      in
      if file && elem key seen then collect args seen (tail todo)
      else [ module ] ++ collect args (seen ++ lib.optional file key) (tail todo ++ called.imports or [ ]);

  declare = a: b:
    if isOption a || isOption b then throw "an option is declared twice"
    else a // mapAttrs (n: v: if a ? ${n} then declare a.${n} v else v) b;

  evalModules = { modules, specialArgs ? { }, prefix ? [ ] }:
    let
      args = { inherit lib config options; } // specialArgs;
      all = collect args [ ] modules;
      options = foldl' declare { } (map (m: m.options) all);
      config = group prefix options (map (m: { inherit (m) file; value = m.config; }) (lib.reverseList all));
    in
    { inherit config options; };
in
{
  inherit evalModules isOption standing;
  mkOption = o: { _type = "option"; type = lib.types.anything; } // o;
  mkEnableOption = what: lib.mkOption { type = lib.types.bool; default = false; description = "Whether to enable ${what}."; };
}
