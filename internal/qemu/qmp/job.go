package qmp

import (
	"context"
	"errors"
)

// Job is a long-running task inside QEMU. A concluded one stays in the list until it is dismissed,
// so that a restarted daemon learns how it ended.
type Job struct {
	ID       string `json:"id"`
	Type     string `json:"type"`   // "commit", "stream", "mirror", "backup", "create", …
	Status   string `json:"status"` // JobRunning and so on
	Progress int64  `json:"current-progress"`
	Total    int64  `json:"total-progress"` // an estimate that may grow; the unit is the job's own
	Error    string `json:"error,omitempty"`
}

// ErrJobFailed says that a job has ended without what it was to do.
var ErrJobFailed = errors.New("QEMU could not bring the job to its end")

// States of a job (qapi/job.json, JobStatus).
const (
	JobUndefined = "undefined" // an error inside QEMU
	JobCreated   = "created"
	JobRunning   = "running"
	JobPaused    = "paused"
	JobReady     = "ready" // waits for job-complete
	JobStandby   = "standby"
	JobWaiting   = "waiting"
	JobPending   = "pending" // waits for job-finalize
	JobAborting  = "aborting"
	JobConcluded = "concluded" // waits for job-dismiss
	JobNull      = "null"
)

// BlockJob is a job as query-block-jobs shows it.
type BlockJob struct {
	Device string `json:"device"` // the job's id
	Type   string `json:"type"`
	Status string `json:"status"`
	Offset int64  `json:"offset"` // bytes done
	Len    int64  `json:"len"`    // bytes in all, an estimate
	Ready  bool   `json:"ready"`
	Error  string `json:"error,omitempty"`
}

type idArgs struct {
	ID string `json:"id"`
}

var (
	queryJobs      = define[none, []Job]("query-jobs")
	queryBlockJobs = define[none, []BlockJob]("query-block-jobs")
	jobDismiss     = define[idArgs, none]("job-dismiss")
	jobCancel      = define[idArgs, none]("job-cancel")
)

// QueryJobs lists the jobs.
func QueryJobs(ctx context.Context, on Executor) ([]Job, error) { return queryJobs.do(ctx, on, none{}) }

// QueryBlockJobs lists the block jobs with their speed and offset.
func QueryBlockJobs(ctx context.Context, on Executor) ([]BlockJob, error) {
	return queryBlockJobs.do(ctx, on, none{})
}

// JobDismiss takes a concluded job out of the list.
func JobDismiss(ctx context.Context, on Executor, id string) error {
	return jobDismiss.run(ctx, on, idArgs{id})
}

// JobCancel asks a job to stop; it concludes later.
func JobCancel(ctx context.Context, on Executor, id string) error {
	return jobCancel.run(ctx, on, idArgs{id})
}
