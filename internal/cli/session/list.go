package session

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/output"
)

// Pages returns one page of a list.
type Pages[T any] func(context.Context, client.ListOptions) (client.Page[T], error)

// Listing is how one sort of thing is listed.
type Listing[T any] struct {
	Get   Pages[T]
	Table output.Table
	Name  func(T) string
	Row   func(T) []string
	Empty string // what to do next where there is none
	Limit int    // at most so many; 0 for all
}

// Collect goes through all pages. The revision is that of the first one: nothing that changed since is
// missed by who follows from there.
func (l Listing[T]) Collect(ctx context.Context, opt client.ListOptions) (client.Page[T], error) {
	out := client.Page[T]{Items: []T{}} // never null for a program
	if l.Limit > 0 {
		opt.Limit = min(l.Limit, 1000)
	}
	for {
		p, err := l.Get(ctx, opt)
		if err != nil {
			return out, err
		}
		if out.Revision == 0 {
			out.Revision, out.Total = p.Revision, p.Total
		}
		out.Items = append(out.Items, p.Items...)
		if l.Limit > 0 && len(out.Items) >= l.Limit {
			out.Items = out.Items[:l.Limit]
			return out, nil
		}
		if p.Next == "" || p.Next == opt.Cursor {
			return out, nil
		}
		opt.Cursor = p.Next
	}
}

// Chosen are the names that the arguments say, and of everything that -l and --all choose, if they do.
func (l Listing[T]) Chosen(ctx context.Context, s *Session, args []string) ([]string, error) {
	if s.Selector == "" && !s.All {
		return args, nil
	}
	all, err := l.Collect(ctx, s.Select())
	if err != nil {
		return nil, err
	}
	for _, item := range all.Items {
		args = append(args, l.Name(item))
	}
	return args, nil
}

// Print lists and prints as -o says: a table, one name a line, or for programs the list.
func (l Listing[T]) Print(ctx context.Context, s *Session, opt client.ListOptions) (client.Page[T], error) {
	all, err := l.Collect(ctx, opt)
	if err != nil {
		return all, err
	}
	switch {
	case s.Output.ForPrograms():
		return all, s.Output.Value(s.Out, list[T]{all.Items, all.Revision, all.Total})
	case s.Output == output.Name:
		for _, item := range all.Items {
			fmt.Fprintln(s.Out, l.Name(item))
		}
		return all, nil
	}
	for _, item := range all.Items {
		l.Table.Add(l.Row(item)...)
	}
	return all, s.Table(&l.Table, l.Empty)
}

// list is the API's list with the items of all its pages.
type list[T any] struct {
	Items    []T   `json:"items"`
	Revision int64 `json:"revision"`
	Total    int   `json:"total"`
}

// ListCommand is a command that lists what -l chooses, and nothing else; short, long and example are its help.
func ListCommand[T any](s *Session, short, long, example string, of func(*Session, *client.Client) Listing[T]) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   short,
		Long:    long,
		Example: example,
		Args:    Exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := s.Client()
			if err != nil {
				return err
			}
			_, err = of(s, c).Print(cmd.Context(), s, s.Select())
			return err
		},
	}
	s.Selects(cmd)
	return cmd
}
