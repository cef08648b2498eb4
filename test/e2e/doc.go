// Package e2e holds the tests that run the product with real QEMUs, as root: make e2e.
//
// What lives here: what a user does and what he gets, on a host of its own (test/onehost) or at hv-helper alone. All of
// it is behind the tag e2e. What does not: what needs a kernel of its own (test/lab).
package e2e
