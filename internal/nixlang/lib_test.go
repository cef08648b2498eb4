package nixlang

import (
	"context"
	"strings"
	"sync"
	"testing"
)

func TestLib(t *testing.T) {
	for expr, want := range map[string]string{
		`lib.optional true 1`:                                             `[ 1 ]`,
		`lib.optional false (throw "x")`:                                  `[ ]`,
		`lib.optionals true [ 1 2 ]`:                                      `[ 1 2 ]`,
		`lib.optionalAttrs true { a = 1; }`:                               `{ a = 1; }`,
		`lib.optionalString false "x"`:                                    `""`,
		`lib.concatStringsSep "," [ "a" "b" ]`:                            `"a,b"`,
		`lib.concatMapStringsSep "," toString [ 1 2 ]`:                    `"1,2"`,
		`lib.concatImapStringsSep "," (i: s: s + toString i) [ "a" "b" ]`: `"a1,b2"`,
		`lib.mapAttrsToList (n: v: n + v) { a = "x"; b = "y"; }`:          `[ "ax" "by" ]`,
		`lib.mapAttrs' (n: v: lib.nameValuePair (n + "1") v) { a = 1; }`:  `{ a1 = 1; }`,
		`lib.filterAttrs (n: v: v > 1) { a = 1; b = 2; }`:                 `{ b = 2; }`,
		`lib.genAttrs [ "a" "b" ] (n: n + n)`:                             `{ a = "aa"; b = "bb"; }`,
		`lib.recursiveUpdate { a.b = 1; a.c = 2; } { a.c = 3; d = 4; }`:   `{ a = { b = 1; c = 3; }; d = 4; }`,
		`lib.attrByPath [ "a" "b" ] 0 { a.b = 1; }`:                       `1`,
		`lib.attrByPath [ "a" "c" ] 0 { a.b = 1; }`:                       `0`,
		`lib.hasAttrByPath [ "a" "b" ] { a.b = 1; }`:                      `true`,
		`lib.setAttrByPath [ "a" "b" ] 1`:                                 `{ a = { b = 1; }; }`,
		`lib.range 1 3`:                                                   `[ 1 2 3 ]`,
		`lib.range 3 1`:                                                   `[ ]`,
		`lib.flatten [ 1 [ 2 [ 3 ] ] [ ] ]`:                               `[ 1 2 3 ]`,
		`lib.unique [ 1 2 1 ]`:                                            `[ 1 2 ]`,
		`lib.foldr (a: b: a + b) "" [ "a" "b" ]`:                          `"ab"`,
		`lib.foldl (a: b: a + b) "" [ "a" "b" ]`:                          `"ab"`,
		`lib.take 2 [ 1 2 3 ]`:                                            `[ 1 2 ]`,
		`lib.drop 2 [ 1 2 3 ]`:                                            `[ 3 ]`,
		`lib.drop 5 [ 1 2 3 ]`:                                            `[ ]`,
		`lib.sublist 1 1 [ 1 2 3 ]`:                                       `[ 2 ]`,
		`lib.last [ 1 2 ]`:                                                `2`,
		`lib.init [ 1 2 ]`:                                                `[ 1 ]`,
		`lib.reverseList [ 1 2 3 ]`:                                       `[ 3 2 1 ]`,
		`lib.zipLists [ 1 2 ] [ "a" ]`:                                    `[ { fst = 1; snd = "a"; } ]`,
		`lib.imap0 (i: v: [ i v ]) [ "a" ]`:                               `[ [ 0 "a" ] ]`,
		`lib.findFirst (x: x > 1) null [ 1 2 3 ]`:                         `2`,
		`lib.count (x: x > 1) [ 1 2 3 ]`:                                  `2`,
		`lib.partition (x: x > 1) [ 1 2 ]`:                                `{ right = [ 2 ]; wrong = [ 1 ]; }`,
		`lib.sortOn (x: x.a) [ { a = 2; } { a = 1; } ]`:                   `[ { a = 1; } { a = 2; } ]`,
		`lib.subtractLists [ 1 ] [ 1 2 ]`:                                 `[ 2 ]`,
		`lib.intersectLists [ 1 2 ] [ 2 3 ]`:                              `[ 2 ]`,
		`lib.toLower "AbC1"`:                                              `"abc1"`,
		`lib.toUpper "AbC1"`:                                              `"ABC1"`,
		`lib.splitString "." "a.b..c"`:                                    `[ "a" "b" "" "c" ]`,
		`lib.hasPrefix "a" "ab"`:                                          `true`,
		`lib.hasSuffix "b" "ab"`:                                          `true`,
		`lib.hasSuffix "abc" "c"`:                                         `false`,
		`lib.hasInfix "." "a.b"`:                                          `true`,
		`lib.hasInfix "." "ab"`:                                           `false`,
		`lib.removePrefix "vm-" "vm-1"`:                                   `"1"`,
		`lib.removeSuffix ".nix" "a.nix"`:                                 `"a"`,
		`lib.escapeShellArgs [ "a" "b c" "d'e" ]`:                         `"a 'b c' 'd'\\''e'"`,
		`lib.fixedWidthNumber 3 7`:                                        `"007"`,
		`lib.toInt "42"`:                                                  `42`,
		`lib.toInt "-42"`:                                                 `-42`,
		`lib.trim "  a b "`:                                               `"a b"`,
		`lib.trim "  "`:                                                   `""`,
		`lib.versionOlder "1.0" "1.1"`:                                    `true`,
		`lib.versionAtLeast "1.1" "1.1"`:                                  `true`,
		`lib.boolToString true`:                                           `"true"`,
		`lib.pipe 1 [ (x: x + 1) toString ]`:                              `"2"`,
		`[ (lib.mod 7 3) (lib.min 1 2) (lib.max 1 2) ]`:                   `[ 1 1 2 ]`,
		`lib.toHexString 255`:                                             `"FF"`,
		`lib.fix (self: { a = 1; b = self.a; })`:                          `{ a = 1; b = 1; }`,
		`lib.collect builtins.isInt { a = 1; b.c = 2; }`:                  `[ 1 2 ]`,
		`lib.cartesianProduct { a = [ 1 2 ]; b = [ 3 ]; }`:                `[ { a = 1; b = 3; } { a = 2; b = 3; } ]`,
		`lib.foldlAttrs (acc: n: v: acc + v) 0 { a = 1; b = 2; }`:         `3`,
		`lib.mapAttrsRecursive (p: v: lib.concatStringsSep "." p) { a.b = 1; c = 2; }`: `{ a = { b = "a.b"; }; c = "c"; }`,
		`lib.mapAttrsToListRecursive (p: v: lib.last p) { a.b = 1; c = 2; }`:           `[ "b" "c" ]`,
		`lib.zipAttrs [ { a = 1; } { a = 2; } ]`:                                       `{ a = [ 1 2 ]; }`,
		`lib.matchAttrs { a.b = 1; } { a = { b = 1; c = 2; }; }`:                       `true`,
		`lib.unionOfDisjoint { a = 1; } { b = 2; }`:                                    `{ a = 1; b = 2; }`,
		`lib.mergeAttrsList [ { a = 1; } { a = 2; } ]`:                                 `{ a = 2; }`,
		`lib.concatMapAttrs (n: v: { ${n + "x"} = v; }) { a = 1; }`:                    `{ ax = 1; }`,
		`lib.intersperse 0 [ 1 2 3 ]`:                                                  `[ 1 0 2 0 3 ]`,
		`lib.stringToCharacters "abc"`:                                                 `[ "a" "b" "c" ]`,
		`lib.replicate 2 "x"`:                                                          `[ "x" "x" ]`,
		`lib.strings.replicate 2 "x"`:                                                  `"xx"`,
		`lib.assertMsg true "x"`:                                                       `true`,
		`(builtins.tryEval (lib.assertMsg false "x")).success`:                         `false`,
		`lib.warnIf true "careful" 1`:                                                  `1`,
		`lib.compareLists lib.compare [ 1 2 ] [ 1 3 ]`:                                 `-1`,
		`lib.foldAttrs (a: b: [ a ] ++ b) [ ] [ { a = 1; } { a = 2; b = 3; } ]`:        `{ a = [ 1 2 ]; b = [ 3 ]; }`,
		`lib.commonPrefixLength "abcd" "abx"`:                                          `2`,
		`lib.filterAttrsRecursive (n: v: v != null) { a.b = null; a.c = 1; }`:          `{ a = { c = 1; }; }`,
		`lib.extends (final: prev: { b = prev.a; }) (final: { a = 1; }) { }`:           `{ a = 1; b = 1; }`,
		`lib.fromHexString "fF"`:                                                       `255`,
		`lib.bitNot 0`:                                                                 `-1`,
		`lib.boolToYesNo false`:                                                        `"no"`,
		`lib.traceVal 1`:                                                               `1`,
		`lib.traceIf false "x" 1`:                                                      `1`,
		`(lib.fix (lib.extends (lib.composeManyExtensions [ (f: p: { b = p.a + 1; }) (f: p: { c = p.b + f.b; }) ]) (f: { a = 1; }))).c`: `4`,
		`lib.converge (x: x / 2) 9`:                                                                           `0`,
		`lib.assertEachOneOf "x" [ 1 2 ] [ 1 2 3 ]`:                                                           `true`,
		`(builtins.tryEval (lib.assertEachOneOf "x" [ 4 ] [ 1 ])).success`:                                    `false`,
		`lib.ifilter0 (i: v: i == 0 || v > 2) [ 1 2 3 ]`:                                                      `[ 1 3 ]`,
		`lib.groupBy' builtins.add 0 (x: if x > 2 then "big" else "small") [ 1 2 3 4 ]`:                       `{ big = 7; small = 3; }`,
		`[ (lib.findFirstIndex (x: x > 1) null [ 1 2 3 ]) (lib.findFirstIndex (x: x > 9) null [ 1 ]) ]`:       `[ 1 null ]`,
		`lib.uniqueStrings [ "b" "a" "b" ]`:                                                                   `[ "a" "b" ]`,
		`[ (lib.takeEnd 2 [ 1 2 3 ]) (lib.dropEnd 2 [ 1 2 3 ]) (lib.takeEnd 9 [ 1 ]) (lib.dropEnd 9 [ 1 ]) ]`: `[ [ 2 3 ] [ 1 ] [ 1 ] [ ] ]`,
		`lib.concatMapAttrsStringSep "," (n: v: "${n}=${v}") { b = "2"; a = "1"; }`:                           `"a=1,b=2"`,
		`lib.replaceString "a" "b" "aXa"`:                                                                     `"bXb"`,
		`map lib.isStringLike [ "a" ./x 1 { outPath = "x"; } { __toString = _: "x"; } ]`:                      `[ true true false true true ]`,
		`map lib.isValidPosixName [ "a_1" "1a" "a-b" ]`:                                                       `[ true false false ]`,
		`lib.toSentenceCase "heLLo you"`:                                                                      `"Hello you"`,
		`lib.escapeXML "<a b='c'>&\""`:                                                                        `"&lt;a b=&apos;c&apos;&gt;&amp;&quot;"`,
		`lib.escapeNixString "a\${b}"`:                                                                        `"\"a\\\${b}\""`,
		`lib.showAttrPath [ "a" "b c" ]`:                                                                      `"a.\"b c\""`,
		`lib.commonSuffixLength "xabc" "yybc"`:                                                                `2`,
		`lib.genAttrs' [ 1 ] (n: lib.nameValuePair "v${toString n}" n)`:                                       `{ v1 = 1; }`,
		`lib.overrideExisting { a = 1; b = 2; } { a = 3; c = 4; }`:                                            `{ a = 3; b = 2; }`,
		`with lib.versions; [ (major "1.2.3") (minor "1.2.3") (patch "1.2.3") (majorMinor "1.2.3") ]`:         `[ "1" "2" "3" "1.2" ]`,
		`lib.mkForce 1`: `1`,
		`with lib; with lists; with strings; with attrsets; with trivial; [ (id (last [ 1 ])) ]`: `[ 1 ]`,
	} {
		got, err := libCall(expr)
		if err != nil {
			t.Errorf("%s: %v", expr, err)
		} else if got != want {
			t.Errorf("%s: got %s, want %s", expr, got, want)
		}
	}
}

func libCall(expr string) (string, error) {
	ctx := context.Background()
	v, err := EvalString(ctx, "x", "{ lib, ... }: { a = "+expr+"; }", Options{})
	if err != nil {
		return "", err
	}
	if v, err = Module(ctx, v, nil); err != nil {
		return "", err
	}
	s, err := v.Nix(ctx, true)
	return strings.TrimSuffix(strings.TrimPrefix(s, "{ a = "), "; }"), err
}

// Every function that lib has can be named, and what it refuses says so.
func TestEveryNameOfLibIsAFunctionOrRefused(t *testing.T) {
	m := newMachine(Options{})
	m.begin(context.Background())
	lib, err := m.library()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range lib.attrs().items {
		err := m.force(a.val, pos{})
		if err != nil && !strings.Contains(err.Error(), "lib."+a.name+" is not available here") {
			t.Errorf("lib.%s: %v", a.name, err)
		}
	}
}

func TestEvaluationsMayRunBesideEachOther(t *testing.T) {
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if got, err := libCall(`lib.toUpper (lib.concatStrings [ "a" "b" ])`); got != `"AB"` {
				t.Errorf("got %s, %v", got, err)
			}
			if _, err := libCall(`lib.toUpper 1`); err == nil {
				t.Error("upper case of a number")
			}
		})
	}
	all.Wait()
}
