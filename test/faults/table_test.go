//go:build linux

package faults_test

import (
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/faults.md anew")

// row is a row of docs/faults.md: what breaks, what holds all the same, and the tests that break it.
type row struct {
	breaks, promise string
	tests           []string
}

var table = []struct {
	title string
	rows  []row
}{
	{"The daemons", []row{
		{"hvd is cut off before or after any step of any plan, any commit, any record of the audit log",
			"the next one brings what was acknowledged to the same end; a call that was not answered has happened whole or not at all; each intent has one outcome at most",
			[]string{"TestADaemonThatIsCutOffAnywhereIsFinishedByTheNext", "TestAThousandCrashesLoseNothing"}},
		{"hvd is cut off before or after any commit of an apply of a declaration, also by `kill -9` while real QEMUs start",
			"the apply has not happened, or the next start finishes it: every VM is as one of the two declarations has it",
			[]string{"TestAnApplyThatIsCutAnywhereIsUndoneOrFinished", "TestAnApplyThatIsKilledIsFinishedByTheNextHvd"}},
		{"hv-helper is cut off before or after any of its verbs", "hvd goes on with the next one; nothing is done twice",
			[]string{"TestADaemonThatIsCutOffAnywhereIsFinishedByTheNext", "TestAThousandCrashesLoseNothing", "TestAHelperThatIsAwayIsTriedAgain"}},
		{"hv-helper goes and does not come back", "who waits is told, instead of waiting for ever; the wish stands", []string{"TestAStartWithoutAHelperIsToldAndDoneOnceThereIsOne"}},
		{"both, again and again, while anything is wished in any order", "what was acknowledged last comes true; a cancel puts back the wish before, a newer wish takes the place of an older",
			[]string{"TestAnySequenceOfWishesAndCrashesConvergesToTheLastAcknowledged", "TestACancelledStopLeavesTheVMRunning", "TestANewerWishTakesThePlaceOfAnOlder"}},
		{"hvd, hv-helper or both get `kill -9` while real QEMUs run, start and end",
			"no VM is lost or started twice; no process, cgroup, socket or file is left; the status is true soon after the restart (the test tells how soon)",
			[]string{"TestFiftyKillsLoseNoVMAndLeaveNothing", "TestAVMKeepsRunningWhenHvdOrItsHelperIsKilled"}},
		{"hv-helper is killed in the middle of a launch", "the VM runs and is known, or there is none", []string{"TestAHelperKilledInTheMiddleOfALaunchLosesNoVM"}},
		{"hv-helper's record of a VM cannot be read, or a process stands in none", "the VM can be cleaned up; the process is ended and told of",
			[]string{"TestADamagedRecordLosesNoVM", "TestAProcessThatNoRecordNamesIsEndedAndReported"}},
		{"several hv-helpers on one host start VMs at the same moment", "no two VMs have the same uids", []string{"TestOfSeveralHelpersOnAHostNoTwoGiveOutTheSameUIDs"}},
		{"hvd or hv-helper is cut off while the host is hardened or unlocked", "it is in the old phase or the new one, never in neither; what took effect was recorded before",
			[]string{"TestAPhaseThatIsChangedWhileTheDaemonIsCutOffIsTheOldOneOrTheNew", "TestAHelperThatIsCutOffLeavesTheOldSealOrTheNewOne", "TestKillsWhileAHostIsHardenedLeaveItInOnePhaseOrTheOther"}},
		{"the store of a hardened host is put back from before, its file is edited, its hv-helper is asked directly", "it stays hardened, and the next start has what was sealed stand again, or says why it cannot",
			[]string{"TestAStoreFromBeforeIsLedBackToWhatWasSealed", "TestWhatWasSealedIsLookedForWhereItCanBe", "TestAHardenedHostStaysSoUntilItsKeyAndItsTimeHaveCome", "TestASealThatCannotBeReadHolds"}},
		{"the start that has what was sealed stand again is cut off", "the next one finishes it",
			[]string{"TestAStartThatIsCutOffWhileWhatWasSealedIsPutBackIsFinishedByTheNext"}},
		{"the daemons are replaced by the next build", "VMs run on untouched and are adopted; what is stored is read", []string{"TestAnUpgradeTouchesNoVMAndReadsWhatTheBuildBeforeHasStored"}},
	}},
	{"QEMU and its guest", []row{
		{"QEMU dies or is killed, also while nobody looks", "the VM is crashed, says why, and is not started again unasked",
			[]string{"TestAQEMUThatIsKilledFromOutsideIsCrashedAndNotStartedAgain", "TestAQEMUThatDiesAtOnceIsAnErrorWithItsLastWordsAndNotTriedForEver", "TestAQEMUThatDiesRightAfterItWasLetRunIsNotStartedAgain", "TestAVMThatDiesWhileNobodyLooksIsFoundDead"}},
		{"the guest powers itself off while no daemon runs", "the next one sees it and keeps the VM off", []string{"TestAGuestThatPowersOffWhileNobodyLooksIsSeenByTheNext"}},
		{"the guest ignores its power button", "the stop fails when its time is over, the VM runs on, a kill ends it", []string{"TestAGuestThatIgnoresItsButtonMakesTheStopFailAndAKillEndsIt"}},
		{"somebody else holds the monitor", "the VM is left alone and told of, and can be killed",
			[]string{"TestAVMWhoseMonitorSomebodyElseHoldsIsNotTouchedAndTold", "TestAVMWhoseMonitorSomebodyElseHoldsCanBeKilled"}},
		{"hvd is killed while a VM is saved to disk, or goes on from there", "the old or the new: it runs on, is suspended, or has gone on where it was; half a file is never taken for a whole one",
			[]string{"TestADaemonThatIsCutOffAnywhereIsFinishedByTheNext", "TestAKillInTheMiddleOfASaveOrOfGoingOnLeavesTheOldOrTheNew", "TestAVMThatDiesWhileItIsSavedIsNotSuspended"}},
		{"the power goes in the moment in which a guest is let go on from its file", "nobody goes on from that file again: the next start boots cold, and that is said",
			[]string{"TestNobodyGoesOnTwiceFromOneFile", "TestAQEMUThatRefusesToLetTheGuestGoLeavesWhatIsSaved"}},
		{"a snapshot of the store is put back in which a VM was suspended that has gone on since", "it does not go on again: what runs is left alone, and a start says that its file is gone", []string{"TestARestoredStoreMakesNoVMGoOnAgain"}},
		{"QEMU does not read what was saved, or the file is damaged or gone", "what is there stays; the error says why and how to get to yes",
			[]string{"TestAQEMUThatDoesNotGoOnLeavesWhatIsSaved", "TestAFileThatIsGoneIsSaidBeforeAQEMUIsStartedForIt"}},
		{"hvd or QEMU is killed while QEMU copies a disk under its guest into another pool, or to a clone", "the disk is whole in the old place or in the new one, nothing is left in the other, and the VM starts from it",
			[]string{"TestADaemonThatIsCutOffAnywhereIsFinishedByTheNext", "TestKillsInTheMiddleOfAMoveUnderAGuestLeaveTheOldOrTheNew", "TestAVMThatDiesWhileItsDiskIsMovedLeavesTheOldAndStartsAgain"}},
		{"passt dies", "the network is back without the guest's doing", []string{"TestADeadPasstIsReplacedWhileTheGuestRuns"}},
		{"QEMU's program is replaced while VMs run", "they run on; the next start asks the new one first, without a restart of hvd",
			[]string{"TestAQEMUThatIsReplacedUnderRunningVMsIsNoticedWithoutARestart", "TestAQEMUIsAskedOnceAndAgainWhenItsFileWasReplaced"}},
	}},
	{"The host", []row{
		{"it goes down and comes up again", "VMs that ran are said to have ended with it", []string{"TestAVMThatWentDownWithItsHostIsSaidToHave"}},
		{"the number of a dead QEMU's process is given to another", "the other is left alone, the VM is known to be dead", []string{"TestAProcessThatHasGotTheNumberOfADeadQEMUIsLeftAlone"}},
		{"somebody sets the clock", "what has a deadline ends neither early nor late, also over a restart of hvd",
			[]string{"TestSettingTheClockNeitherShortensNorProlongsADeadline", "TestEveryDaemonOfABootHasTheSameSteadyTime"}},
		{"there is no memory for a process", "the launch fails and leaves nothing; running VMs run on; it works once there is memory", []string{"TestAQEMUThatGetsNoMemoryLeavesNothing", "TestALaunchForWhichThereIsNoMemoryIsToldAndDoneOnceThereIs", "TestALaunchWithoutMemoryOrProcessesIsExhausted"}},
	}},
	{"The disk", []row{
		{"it is full", "nothing is half written, VMs run on, hvd starts and takes what makes room",
			[]string{"TestOnAFullDiskVMsGoOnAndWhatMakesRoomIsDone", "TestOnAFullDiskACommitIsRefusedWholeAndTheStoreGoesOnOnceThereIsRoom", "TestOnAFullDiskNothingIsHalfWrittenAndTheLogGoesOnOnceThereIsRoom"}},
		{"it fails while a VM is suspended", "what could not be flushed is not taken for saved, nor flushed again; the guest runs on", []string{"TestWhatDoesNotComeToTheDiskIsNotTakenForSaved"}},
		{"it has no room for the memory of a VM that is to be suspended", "nothing is written, the guest runs on, both figures are named",
			[]string{"TestOnADiskWithoutRoomAVMIsNotSuspendedAndRunsOn", "TestAVMWhoseMemoryDoesNotFitOnTheDiskRunsOn", "TestWhereThereIsNoRoomBothFiguresAreNamedAndNothingIsLeft"}},
		{"it is read-only", "hvd says so and does not serve; VMs run on and are adopted once it can be written", []string{"TestOnAReadOnlyDiskHvdSaysSoAndVMsGoOn"}},
		{"hvd is killed while it writes", "what was acknowledged is there",
			[]string{"TestEveryAcknowledgedCommitIsThereAfterKillMinusNine", "TestEveryAcknowledgedRecordIsThereAfterKillMinusNine"}},
		{"an import is cut off", "its file is a volume's, or gone with the next start", []string{"TestADaemonThatIsCutOffAnywhereIsFinishedByTheNext", "TestWhatWasReceivedIsUnsettledUntilAVolumeNamesItOrItIsDeleted"}},
		{"a volume's file is lost", "it is told, and no empty disk takes its place", []string{"TestAVolumeIsMadeOnceAndItsLossIsTold"}},
		{"the power goes while the store writes", "what was acknowledged is there", []string{"TestEveryAcknowledgedCommitIsThereAfterAPowerCut"}},
		{"the store's file is damaged or lost", "it is named and not touched, nor replaced by an empty one; a check finds it",
			[]string{"TestADamagedFileIsNamedAndNotTouched", "TestALostFileIsNotTakenForANewStore", "TestALostStoreIsNotReplacedByAnEmptyOneWhileThereAreSnapshots", "TestACheckFindsWhatIsWrongAndTouchesNothing"}},
		{"a snapshot of the store is put back, older than what runs", "nothing that runs is ended or started twice, and what the snapshot does not know is told; a restore that is cut off is finished",
			[]string{"TestARestoredStoreThatIsOlderThanWhatRunsEndsNothing", "TestARestoreThatIsCutOffAnywhereIsFinishedByTheNext", "TestADamagedSnapshotIsPassedOverAndNotPutBackByName"}},
		{"a migration of the store fails", "the old form is left as it was", []string{"TestAMigrationThatFailsLeavesTheOldForm", "TestAStoreOfANewerVersionIsRefusedAndNotTouched"}},
		{"the end of the audit log is torn", "what was never acknowledged is cut off, and that is noted", []string{"TestATornEndIsCutAndTheCutIsNoted"}},
	}},
}

const root = "../.."

// How tests of a folder are run, first match.
var hows = []struct{ folder, how string }{
	{"test/e2e/", "real QEMU, as root"},
	{"test/faults/", "real daemon's rooms, fake QEMUs as processes"},
	{"internal/reconcile/", "real daemon's rooms, fake QEMUs as processes"},
	{"internal/store/local/", "real file system"},
	{"internal/audit/", "real file system"},
	{"", "the room alone"},
}

func TestThePageOfFaultsIsWhatIsTested(t *testing.T) {
	where := declared(t)
	var page strings.Builder
	page.WriteString("# What breaks, and what holds all the same\n\nMade from `test/faults/table_test.go`, which knows that each of these tests exists. Change it there, then\n`go test ./test/faults -run PageOfFaults -update`. Who wants more real kills: `make soak`.\n")
	named := map[string]bool{}
	for _, part := range table {
		fmt.Fprintf(&page, "\n## %s\n\n| What breaks | What is promised | How it is tested |\n|---|---|---|\n", part.title)
		for _, r := range part.rows {
			var shown []string
			for _, name := range r.tests {
				named[name] = true
				file, ok := where[name]
				if !ok {
					t.Errorf("%q: there is no test %s", r.breaks, name)
				}
				shown = append(shown, fmt.Sprintf("[%s](../%s) (%s)", name, file, how(file)))
			}
			fmt.Fprintf(&page, "| %s | %s | %s |\n", r.breaks, r.promise, strings.Join(shown, "<br>"))
		}
	}
	for name, file := range where {
		if (strings.HasPrefix(file, "test/faults/") || file == "test/e2e/host_faults_test.go") && !named[name] && name != t.Name() {
			t.Errorf("%s of %s stands in no row of the table of faults", name, file)
		}
	}
	path := filepath.Join(root, "docs", "faults.md")
	if *update {
		if err := os.WriteFile(path, []byte(page.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if have, err := os.ReadFile(path); err != nil || string(have) != page.String() {
		t.Errorf("docs/faults.md is not what is tested: go test ./test/faults -run PageOfFaults -update (%v)", err)
	}
}

func how(file string) string {
	i := slices.IndexFunc(hows, func(h struct{ folder, how string }) bool { return strings.HasPrefix(file, h.folder) })
	return hows[i].how
}

// declared are all tests of the module, with their files.
func declared(t *testing.T) map[string]string {
	t.Helper()
	test := regexp.MustCompile(`(?m)^func (Test\w+)\(t \*testing\.T\)`)
	out := map[string]string{}
	tree := os.DirFS(root)
	err := fs.WalkDir(tree, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			if d != nil && d.IsDir() && (d.Name() == ".git" || d.Name() == "bin" || d.Name() == "dist") {
				return fs.SkipDir
			}
			return err
		}
		text, err := fs.ReadFile(tree, path)
		for _, m := range test.FindAllSubmatch(text, -1) {
			out[string(m[1])] = path
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
