package plan

import (
	"time"

	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// pressAgain is how long a guest gets to hear its power button: one that is still booting does not.
const pressAgain = 10 * time.Second

// powerDown asks the guest for each wish, again and again until the deadline.
func powerDown(in VMInput, p Plan, before ...Step) Plan {
	if last := in.Last; last != nil && last.StopAsked != nil && last.StopAsked.PowerGeneration == in.Wish.PowerGeneration && !last.StopAsked.Reboot && (in.Halt == nil || last.StopAsked.Host || in.Effective.Power == vm.Off) {
		return askAgain(in, p, *last.StopAsked)
	}
	p.Steps = append(p.Steps, before...)
	p.Steps = append(p.Steps, Step{Kind: PowerDown, Name: "ask the guest to power off"})
	deadline := in.Now.Add(time.Duration(in.Effective.StopTimeout) * time.Second)
	p.StopAsked = &vm.StopAsked{PowerGeneration: in.Wish.PowerGeneration, Deadline: deadline, Again: in.Now.Add(pressAgain), Host: in.Halt != nil}
	p.Until = earlier(p.StopAsked.Again, deadline)
	return p
}

// reboot asks the guest to power off, as powerDown does; its end then says that it is to be started again. No
// button of a PC makes a guest reboot in order: the power button is the one that guests heed.
func reboot(in VMInput, p Plan) Plan {
	if asked := p.StopAsked; asked != nil && asked.Reboot {
		if p = askAgain(in, p, *asked); p.Overdue {
			p.Overdue, p.Unheard, p.Reached, p.StopAsked = false, true, true, nil
		}
		return p
	}
	p.Steps = append(p.Steps, Step{Kind: PowerDown, Name: "ask the guest to power off, to be started again"})
	deadline := in.Now.Add(time.Duration(in.Effective.StopTimeout) * time.Second)
	p.StopAsked = &vm.StopAsked{PowerGeneration: in.Wish.PowerGeneration, Deadline: deadline, Again: in.Now.Add(pressAgain), Reboot: true}
	p.Until = earlier(p.StopAsked.Again, deadline)
	return p
}

// askAgain presses the button of a guest that was asked already, when it is time for that.
func askAgain(in VMInput, p Plan, asked vm.StopAsked) Plan {
	if !in.Now.Before(asked.Deadline) {
		p.Overdue = true
		return p
	}
	if !in.Now.Before(asked.Again) {
		p.Steps = append(p.Steps, Step{Kind: PowerDown, Name: "ask the guest again to power off"})
		asked.Again = in.Now.Add(pressAgain)
		p.StopAsked = &asked
	}
	p.Until = earlier(asked.Again, asked.Deadline)
	return p
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
