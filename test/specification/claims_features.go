package specification

const (
	branch    = "internal/feature:TestEachBranchOfATreeIsWhatResolvingDoes"
	listed    = "internal/view:TestASetIsListedAsTheSpecificationHasIt"
	ceiling   = "internal/feature:TestEachSetFitsTheToleranceOfItsLevelAndNoLower"
	resolves  = "internal/config:TestTheRecommendedConfigurationsResolve"
	anywhere  = "internal/feature:TestTheRecommendedConfigurationsResolveToTheSpecificationsSets"
	applied   = "internal/action:TestTheRecommendedConfigurationsAreApplied"
	published = "internal/feature/matrix:TestEveryFormSaysWhatTheSpecificationSaysAndNothingElse"
)

const drawn = "a declaration resolves as it is drawn; the feature itself is not there"

var trees = []Claim{
	proven("tree/core/privilege-separation", branch, "test/e2e:TestWhoHoldsWhichPrivileges", "test/e2e:TestAVMRunsWithoutPrivilegesInAnEmptyWorld",
		"test/lab/inside:TestTheInstalledServicesRunAsWhoTheyShould"),
	proven("tree/core/audit-logging", branch, "internal/action:TestEveryChangeIsRecordedWithItsActorItsIntentAndItsOutcome",
		"internal/action:TestWhatCannotBeRecordedIsNotDone", "internal/audit/verify:TestEveryTamperingIsFound"),
	partial("tree/core/basic-monitoring", "it cannot be turned off, and what each VM uses is shown while somebody looks; samples are not kept", watching, branch,
		"test/e2e:TestTopShowsWhoUsesTheHost", "internal/monitoring:TestThoseWhoLookAtOnceShareOneSample"),
	proven("tree/backup/conflicts-live-migration", branch, notApplied),
	partial("tree/web-dashboard/requires-nginx", "a declaration resolves as it is drawn, and on NixOS nginx and its site come with it; the feature itself is not there", dashboard, branch,
		"nix:TestUsersFirewallAndSite"),
	partial("tree/web-dashboard/requires-tls-certificates", "a declaration resolves as it is drawn, and NixOS refuses a site without a certificate; the feature itself is not there", dashboard, branch,
		"nix:TestUsersFirewallAndSite"),
	partial("tree/web-dashboard/*", drawn, dashboard, branch),
	partial("tree/api/*", drawn, tcp, branch),
	partial("tree/threat-detection/requires-monitoring", "a declaration resolves as it is drawn, and monitoring is not turned off under it; the feature itself is not there", detecting, branch,
		"test/e2e:TestADaemonAndAFileWithItsFactsAnswerAlike"),
	partial("tree/threat-detection/*", drawn, detecting, branch),
	partial("tree/backup/*", drawn, backups, branch),
}

// Sets are ceilings: what is listed, and which tolerance takes it.
var sets = []Claim{
	partial("set/moderate/api-access", "it is listed, comes with its warning and waits for authentication; nobody logs in over TCP yet", tcp, listed, ceiling),
	proven("set/*/*", listed, ceiling),
}

var loads = []Claim{
	partial("impact/*/*", "shown as specified; what it costs on this host is not measured beside it", watching, published,
		"internal/feature/catalogue:TestImpactIsThatOfTheSpecification", "internal/cli/features:TestTheImpactOfTheWholeIsTheHighestOfEach"),
}

var configurations = []Claim{
	partial("config/home-lab", "it resolves to its set anywhere and is applied; webDashboard, monitoring, localBackup and cliEnhancements are not in the build",
		dashboard+", "+watching+" and "+backups, resolves, anywhere, applied, "nix:TestNixSaysOfADeclarationWhatGoSays"),
	partial("config/development", "it resolves to its set anywhere and is applied; of its features snapshots and devEnvironments are in the build",
		dashboard+", "+tcp+" and "+watching, resolves, anywhere, applied, "nix:TestNixSaysOfADeclarationWhatGoSays"),
	partial("config/production", "it resolves to its set anywhere, localBackup added, and is applied; of its features auditLogging and encryption are in the build",
		backups+", "+detecting+", "+watching+" and "+network, resolves, anywhere, applied, "nix:TestNixSaysOfADeclarationWhatGoSays"),
	partial("config/security-critical", "it resolves to its set anywhere, monitoring added, and is applied; of its features auditLogging alone is in the build",
		detecting, resolves, anywhere, applied, "nix:TestNixSaysOfADeclarationWhatGoSays"),
}
