package view

// ListOptions say which part of a list is wanted.
type ListOptions struct {
	Limit    int    // items in a page; 0 means DefaultPage, more than MaxPage means MaxPage
	Cursor   string // Next of the page before
	Selector string // labels, as model.ParseSelector reads them
	Filter   string // text that the name contains
}

// Pages of lists.
const (
	DefaultPage = 100
	MaxPage     = 1000
)

func (o ListOptions) limit() int {
	if o.Limit <= 0 {
		return DefaultPage
	}
	return min(o.Limit, MaxPage)
}
