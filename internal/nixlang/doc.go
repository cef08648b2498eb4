// Package nixlang reads and evaluates the Nix expression language: the whole grammar, lazily, with
// the pure part of the builtins. It is how an owner's declaration becomes plain data.
//
// What lives here: lexer, parser, scopes, the lazy evaluator, builtins, the small `lib` that a
// module-style file is given, the module system that puts the definitions of several files together,
// printing as nix-instantiate prints, and the way from a value to plain data with the position of
// each part. What does not: what a declaration means (package config),
// where files come from (they are handed in as an fs.FS), and everything that would need a store,
// a network, a clock or the environment: those builtins are refused by name.
//
// Input is hostile until it has been evaluated: every file, nesting, step and byte is counted
// against Limits, and no input panics or hangs.
//
// The language is the one of Nix 2.8 (its manual, chapter "Nix Expression Language"), with two
// differences on purpose: integer overflow is an error, as in Nix 2.25 and later, and a path that
// climbs out of the declared folder is refused.
package nixlang
