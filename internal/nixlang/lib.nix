# lib as a declaration sees it: the plain functions of nixpkgs' lib on numbers, lists, text and sets,
# with the meaning that the nixpkgs manual ("Library functions") gives them, and the properties of
# definitions (NixOS manual, "Writing NixOS Modules"). What builds options or packages is refused by
# name at the end.
refuse:
let
  inherit (builtins) add all any attrNames attrValues bitAnd bitOr bitXor catAttrs ceil
    compareVersions concatLists concatMap concatStringsSep deepSeq elem elemAt filter floor foldl'
    fromJSON functionArgs genericClosure genList getAttr groupBy hasAttr head intersectAttrs isAttrs
    isBool isFloat isFunction isInt isList isPath isString length lessThan listToAttrs mapAttrs match
    mul partition replaceStrings seq sort split stringLength sub substring tail toJSON trace tryEval
    typeOf unsafeGetAttrPos zipAttrsWith;

  trivial = rec {
    inherit add bitAnd bitOr bitXor ceil deepSeq floor fromJSON functionArgs isBool isFloat isFunction
      isInt lessThan mul seq sub throwIfNot toJSON trace tryEval typeOf;
    id = x: x;
    const = x: _: x;
    flip = f: a: b: f b a;
    pipe = foldl' (x: f: f x);
    concat = x: y: x ++ y;
    or = x: y: x || y;
    and = x: y: x && y;
    xor = x: y: x != y;
    boolToString = b: if b then "true" else "false";
    mergeAttrs = x: y: x // y;
    mapNullable = f: a: if a == null then a else f a;
    defaultTo = default: x: if x == null then default else x;
    min = x: y: if x < y then x else y;
    max = x: y: if x > y then x else y;
    mod = base: int: base - int * (base / int);
    compare = a: b: if a < b then -1 else if a > b then 1 else 0;
    toHexString = i: concatStrings (map (digit 16) (digits 16 i));
    toBaseDigits = digits;
    fromHexString = s: (builtins.fromTOML "n = 0x${s}").n;
    bitNot = sub (-1);
    boolToYesNo = b: if b then "yes" else "no";
    traceVal = x: trace x x;
    traceValFn = f: x: trace (f x) x;
    traceIf = pred: msg: if pred then trace msg else id;
    warn = msg: trace "warning: ${msg}";
    warnIf = cond: msg: if cond then warn msg else id;
    warnIfNot = cond: warnIf (!cond);
    throwIf = cond: msg: if cond then throw msg else id;
    fix = f: let x = f x; in x;
    extends = overlay: f: final: let prev = f final; in prev // overlay final prev;
    toFunction = v: if isFunction v then v else _: v;
    composeExtensions = f: g: final: prev:
      let first = f final prev; in first // g final (prev // first);
    composeManyExtensions = lists.foldr composeExtensions (_: _: { });
    converge = f: x: let next = f x; in if next == x then x else converge f next;
    importJSON = path: fromJSON (builtins.readFile path);
    importTOML = path: builtins.fromTOML (builtins.readFile path);
    assertMsg = pred: msg: pred || throw msg;
    assertOneOf = name: val: xs:
      assertMsg (elem val xs) "${name} must be one of ${toJSON xs}, but is: ${toJSON val}";
    assertEachOneOf = name: vals: xs:
      assertMsg (all (v: elem v xs) vals) "each of ${name} must be one of ${toJSON xs}, but they are: ${toJSON vals}";
  };
  throwIfNot = cond: msg: if cond then trivial.id else throw msg;
  digit = base: substringAt "0123456789ABCDEF";
  substringAt = s: i: substring i 1 s;
  digits = base: i:
    let go = i: if i < base then [ i ] else go (i / base) ++ [ (trivial.mod i base) ]; in
    assert i >= 0; assert base >= 2; go i;

  lists = rec {
    inherit all any concatLists concatMap elem elemAt filter foldl' genList groupBy head isList length
      map partition sort tail genericClosure;
    singleton = x: [ x ];
    ifilter0 = pred: list:
      map (n: elemAt list n) (filter (n: pred n (elemAt list n)) (genList trivial.id (length list)));
    groupBy' = op: nul: pred: list: mapAttrs (_: foldl op nul) (groupBy pred list);
    findFirstIndex = pred: default: list:
      let found = filter (n: pred (elemAt list n)) (genList trivial.id (length list)); in
      if found == [ ] then default else head found;
    uniqueStrings = list: attrNames (groupBy trivial.id list);
    takeEnd = count: list: drop (trivial.max 0 (length list - count)) list;
    dropEnd = count: list: take (trivial.max 0 (length list - count)) list;
    forEach = xs: f: map f xs;
    foldr = op: nul: list:
      let go = n: if n == length list then nul else op (elemAt list n) (go (n + 1)); in go 0;
    fold = foldr;
    foldl = op: nul: list:
      let go = n: if n < 0 then nul else op (go (n - 1)) (elemAt list n); in go (length list - 1);
    imap0 = f: list: genList (n: f n (elemAt list n)) (length list);
    imap1 = f: list: genList (n: f (n + 1) (elemAt list n)) (length list);
    flatten = x: if isList x then concatMap flatten x else [ x ];
    remove = e: filter (x: x != e);
    findFirst = pred: default: list:
      let found = filter pred list; in if found == [ ] then default else head found;
    findSingle = pred: default: multiple: list:
      let found = filter pred list; n = length found; in
      if n == 0 then default else if n > 1 then multiple else head found;
    count = pred: foldl' (n: x: if pred x then n + 1 else n) 0;
    optional = cond: elem: if cond then [ elem ] else [ ];
    optionals = cond: elems: if cond then elems else [ ];
    toList = x: if isList x then x else [ x ];
    range = first: last: if first > last then [ ] else genList (n: first + n) (last - first + 1);
    replicate = n: elem: genList (_: elem) n;
    zipListsWith = f: a: b:
      genList (n: f (elemAt a n) (elemAt b n)) (trivial.min (length a) (length b));
    zipLists = zipListsWith (fst: snd: { inherit fst snd; });
    reverseList = xs: let l = length xs; in genList (n: elemAt xs (l - n - 1)) l;
    sortOn = f: sort (a: b: f a < f b);
    take = count: sublist 0 count;
    drop = count: list: sublist count (length list) list;
    sublist = start: count: list:
      let len = length list; in
      genList (n: elemAt list (n + start))
        (if start >= len then 0 else if start + count > len then len - start else count);
    last = list:
      assert trivial.assertMsg (list != [ ]) "lists.last: list must not be empty";
      elemAt list (length list - 1);
    init = list:
      assert trivial.assertMsg (list != [ ]) "lists.init: list must not be empty";
      take (length list - 1) list;
    unique = foldl' (acc: e: if elem e acc then acc else acc ++ [ e ]) [ ];
    allUnique = list: length (unique list) == length list;
    intersectLists = e: filter (x: elem x e);
    subtractLists = e: filter (x: !(elem x e));
    mutuallyExclusive = a: b: length a == 0 || !(any (x: elem x a) b);
    compareLists = cmp: a: b:
      if a == [ ] then (if b == [ ] then 0 else -1)
      else if b == [ ] then 1
      else let c = cmp (head a) (head b); in if c == 0 then compareLists cmp (tail a) (tail b) else c;
  };

  concatStrings = concatStringsSep "";
  lowerChars = strings.stringToCharacters "abcdefghijklmnopqrstuvwxyz";
  upperChars = strings.stringToCharacters "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
  strings = rec {
    inherit compareVersions concatStrings concatStringsSep fromJSON isPath isString lowerChars match
      replaceStrings split stringLength substring toJSON upperChars;
    concatMapStrings = f: list: concatStrings (map f list);
    concatImapStrings = f: list: concatStrings (lists.imap1 f list);
    concatMapStringsSep = sep: f: list: concatStringsSep sep (map f list);
    concatImapStringsSep = sep: f: list: concatStringsSep sep (lists.imap1 f list);
    concatLines = concatMapStrings (s: s + "\n");
    concatMapAttrsStringSep = sep: f: set: concatStringsSep sep (attrsets.mapAttrsToList f set);
    intersperse = sep: list:
      if length list < 2 then list
      else tail (concatMap (x: [ sep x ]) list);
    join = concatStringsSep;
    replaceString = from: to: replaceStrings [ from ] [ to ];
    isStringLike = x: isString x || isPath x || x ? outPath || x ? __toString;
    isValidPosixName = name: match "[a-zA-Z_][a-zA-Z0-9_]*" name != null;
    fileContents = file: removeSuffix "\n" (builtins.readFile file);
    toSentenceCase = s: toUpper (substring 0 1 s) + toLower (substring 1 (-1) s);
    escapeXML = replaceStrings [ "\"" "'" "<" ">" "&" ] [ "&quot;" "&apos;" "&lt;" "&gt;" "&amp;" ];
    escapeNixString = s: escape [ "$" ] (toJSON s);
    escapeNixIdentifier = s: if match "[a-zA-Z_][a-zA-Z0-9_'-]*" s != null then s else escapeNixString s;
    replicate = n: s: concatStrings (lists.replicate n s);
    optionalString = cond: string: if cond then string else "";
    hasPrefix = pref: str: substring 0 (stringLength pref) str == pref;
    hasSuffix = suffix: content:
      let n = stringLength content; s = stringLength suffix; in
      n >= s && substring (n - s) n content == suffix;
    hasInfix = infix: content: infix == "" || length (split (escapeRegex infix) content) > 1;
    stringToCharacters = s: genList (i: substring i 1 s) (stringLength s);
    stringAsChars = f: s: concatStrings (map f (stringToCharacters s));
    escape = list: replaceStrings list (map (c: "\\${c}") list);
    escapeRegex = escape (stringToCharacters "\\[{()^$?*+|.");
    escapeShellArg = arg:
      let s = toString arg; in
      if match "[[:alnum:],._+:@%/-]+" s == null then "'${replaceStrings [ "'" ] [ "'\\''" ] s}'" else s;
    escapeShellArgs = concatMapStringsSep " " escapeShellArg;
    toLower = replaceStrings upperChars lowerChars;
    toUpper = replaceStrings lowerChars upperChars;
    splitString = sep: s: filter isString (split (escapeRegex (toString sep)) (toString s));
    removePrefix = prefix: str:
      if hasPrefix prefix str then substring (stringLength prefix) (-1) str else str;
    removeSuffix = suffix: str:
      if hasSuffix suffix str then substring 0 (stringLength str - stringLength suffix) str else str;
    trim = s: let m = match "[ \t\r\n]*(.*[^ \t\r\n])?[ \t\r\n]*" s; in
      if m == null || head m == null then "" else head m;
    versionOlder = v1: v2: compareVersions v2 v1 == 1;
    versionAtLeast = v1: v2: !(versionOlder v1 v2);
    fixedWidthString = width: filler: str:
      let n = stringLength str; in
      assert trivial.assertMsg (n <= width) "fixedWidthString: '${str}' is longer than ${toString width}";
      if n == width then str else filler + fixedWidthString (width - stringLength filler) filler str;
    fixedWidthNumber = width: n: fixedWidthString width "0" (toString n);
    toInt = s:
      let m = match "[ \t]*(-?(0|[1-9][0-9]*))[ \t]*" s; in
      if m == null then throw "toInt: '${s}' is not an integer" else fromJSON (head m);
    toIntBase10 = s:
      let m = match "[ \t]*0*(-?[0-9]+)[ \t]*" s; in
      if m == null then throw "toIntBase10: '${s}' is not an integer" else fromJSON (head m);
    commonPrefixLength = a: b:
      let
        m = trivial.min (stringLength a) (stringLength b);
        go = i: if i >= m || substring i 1 a != substring i 1 b then i else go (i + 1);
      in go 0;
    commonSuffixLength = a: b:
      let
        n = stringLength a;
        k = stringLength b;
        go = i: if i >= trivial.min n k || substring (n - i - 1) 1 a != substring (k - i - 1) 1 b then i else go (i + 1);
      in go 0;
    nameFromURL = url: sep: head (splitString sep (lists.last (splitString "/" url)));
  };

  attrsets = rec {
    inherit attrNames attrValues catAttrs getAttr hasAttr intersectAttrs isAttrs listToAttrs mapAttrs
      unsafeGetAttrPos zipAttrsWith;
    attrByPath = path: default: set:
      if path == [ ] then set
      else if isAttrs set && set ? ${head path} then attrByPath (tail path) default set.${head path}
      else default;
    hasAttrByPath = path: set:
      path == [ ] || isAttrs set && set ? ${head path} && hasAttrByPath (tail path) set.${head path};
    setAttrByPath = path: value:
      if path == [ ] then value else { ${head path} = setAttrByPath (tail path) value; };
    getAttrFromPath = path: set:
      attrByPath path (throw "cannot find attribute '${concatStringsSep "." path}'") set;
    attrVals = names: set: map (n: set.${n}) names;
    getAttrs = names: set: genAttrs names (n: set.${n});
    filterAttrs = pred: set:
      removeAttrs set (filter (n: !(pred n set.${n})) (attrNames set));
    filterAttrsRecursive = pred: set:
      mapAttrs (_: v: if isAttrs v then filterAttrsRecursive pred v else v) (filterAttrs pred set);
    foldAttrs = op: nul: sets: mapAttrs (_: lists.foldr op nul) (zipAttrs sets);
    foldlAttrs = f: init: set: foldl' (acc: n: f acc n set.${n}) init (attrNames set);
    collect = pred: set:
      if pred set then [ set ]
      else if isAttrs set then concatMap (collect pred) (attrValues set)
      else [ ];
    nameValuePair = name: value: { inherit name value; };
    mapAttrs' = f: set: listToAttrs (mapAttrsToList f set);
    mapAttrsToList = f: set: map (n: f n set.${n}) (attrNames set);
    attrsToList = mapAttrsToList nameValuePair;
    concatMapAttrs = f: set: mergeAttrsList (mapAttrsToList f set);
    mergeAttrsList = foldl' (a: b: a // b) { };
    mapAttrsRecursive = mapAttrsRecursiveCond (_: true);
    mapAttrsRecursiveCond = cond: f: set:
      let go = path: mapAttrs (n: v:
        if isAttrs v && cond v then go (path ++ [ n ]) v else f (path ++ [ n ]) v);
      in go [ ] set;
    mapAttrsToListRecursive = f: set: collect' (mapAttrsRecursive (path: v: { leaf = f path v; }) set);
    genAttrs = names: f: listToAttrs (map (n: nameValuePair n (f n)) names);
    genAttrs' = xs: f: listToAttrs (map f xs);
    overrideExisting = old: new: mapAttrs (n: v: new.${n} or v) old;
    showAttrPath = path:
      if path == [ ] then "<root attribute path>" else strings.concatMapStringsSep "." strings.escapeNixIdentifier path;
    zipAttrs = zipAttrsWith (_: values: values);
    zipAttrsWithNames = names: f: sets:
      genAttrs names (n: f n (catAttrs n sets));
    recursiveUpdateUntil = pred: lhs: rhs:
      let go = path: zipAttrsWith (n: values:
        let here = path ++ [ n ]; in
        if length values == 1 || pred here (elemAt values 1) (head values)
        then head values
        else go here values);
      in go [ ] [ rhs lhs ];
    recursiveUpdate = recursiveUpdateUntil (_: l: r: !(isAttrs l && isAttrs r));
    optionalAttrs = cond: set: if cond then set else { };
    unionOfDisjoint = x: y:
      let both = attrNames (intersectAttrs x y); in
      if both == [ ] then x // y else throw "unionOfDisjoint: both sets have ${toJSON both}";
    cartesianProduct = sets:
      foldl' (rows: n: concatMap (row: map (v: row // { ${n} = v; }) sets.${n}) rows) [ { } ]
        (attrNames sets);
    cartesianProductOfSets = cartesianProduct;
    mapCartesianProduct = f: sets: map f (cartesianProduct sets);
    matchAttrs = pattern: set:
      all (n: set ? ${n} && (if isAttrs pattern.${n} && isAttrs set.${n}
        then matchAttrs pattern.${n} set.${n} else pattern.${n} == set.${n})) (attrNames pattern);
  };
  collect' = set: if set ? leaf then [ set.leaf ] else concatMap collect' (attrValues set);

  versions = rec {
    inherit (builtins) splitVersion;
    major = v: elemAt (splitVersion v) 0;
    minor = v: elemAt (splitVersion v) 1;
    patch = v: elemAt (splitVersion v) 2;
    majorMinor = v: concatStringsSep "." (lists.take 2 (splitVersion v));
  };

  # Read by the evaluator where it puts modules together.
  modules = rec {
    mkIf = condition: content: { _type = "if"; inherit condition content; };
    mkMerge = contents: { _type = "merge"; inherit contents; };
    mkOverride = priority: content: { _type = "override"; inherit priority content; };
    mkOptionDefault = mkOverride 1500;
    mkDefault = mkOverride 1000;
    mkImageMediaOverride = mkOverride 60;
    mkForce = mkOverride 50;
    mkVMOverride = mkOverride 10;
    mkOrder = priority: content: { _type = "order"; inherit priority content; };
    mkBefore = mkOrder 500;
    mkAfter = mkOrder 1500;
    mkAssert = assertion: message: mkIf (assertion || throw "assertion failed: ${message}");
    defaultPriority = 100;
    defaultOrderPriority = 1000;
  };

  evaluation = "a declaration is put together by itself: use imports";
  options = "write values, not options: the options of a declaration are given";
  packages = "declare data only: nothing is built here";
  refused = hint: names: attrsets.genAttrs names (n: refuse n hint);
in
refused evaluation [
  "evalModules" "mkRenamedOptionModule" "mkRemovedOptionModule" "mkAliasOptionModule"
  "mkChangedOptionModule" "mkMergedOptionModule" "makeExtensible"
]
// refused options [
  "mkOption" "mkEnableOption" "mkPackageOption" "mkSinkUndeclaredOptions" "types" "options"
  "literalExpression" "literalMD" "mdDoc" "isOption"
]
// refused packages [
  "getExe" "getExe'" "getBin" "getLib" "getDev" "makeBinPath" "makeLibraryPath" "makeSearchPath"
  "makeOverridable" "callPackageWith" "systems" "platforms" "licenses" "maintainers" "meta"
  "generators" "cli" "gvariant" "filesystem" "fileset" "sources" "cleanSource" "fetchers" "nixosSystem"
  "isDerivation" "toDerivation" "isStorePath" "version" "release" "trivialRelease"
]
// trivial // strings // lists // attrsets // modules
// { inherit trivial lists strings attrsets modules versions; inherit (builtins) splitVersion; }
