// Package inside has the tests that run in a lab, on the installed package: as root on a host with systemd,
// cgroups of version 2, KVM and an IOMMU. make lab boots one and runs them.
//
// What lives here: what only a whole host shows. What does not: what a build machine can show by itself
// (test/e2e), and how a lab is made (test/lab).
package inside
