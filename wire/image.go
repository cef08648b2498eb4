package wire

import (
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

// Image is one image of the library.
type Image struct {
	Kind     string              `json:"kind"` // "image"
	Metadata model.Metadata      `json:"metadata"`
	Spec     storage.ImageSpec   `json:"spec"`
	Status   storage.ImageStatus `json:"status"`
	UsedBy   []string            `json:"usedBy,omitempty"` // "volume/web"
}

// ImportImage is the body of POST …/images: where it comes from, or which entry of the catalogue it is.
type ImportImage struct {
	Name   string            `json:"name"`
	Labels map[string]string `json:"labels,omitempty"`
	// Catalogue is an entry of the catalogue, or an alias of one. Of what else is said, it then says what is not.
	Catalogue string `json:"catalogue,omitempty"`
	storage.ImageSpec
}

// ImageIndex is a place that lists images.
type ImageIndex struct {
	Kind     string            `json:"kind"` // image-source
	Metadata model.Metadata    `json:"metadata"`
	Spec     storage.IndexSpec `json:"spec"`
}

// AddImageIndex is the body of POST /v1/image-sources.
type AddImageIndex struct {
	Name   string            `json:"name"`
	Labels map[string]string `json:"labels,omitempty"`
	storage.IndexSpec
}

// PlannedImageSource is what would become of one image source.
type PlannedImageSource struct {
	Name    string            `json:"name"`
	Becomes string            `json:"becomes"` // created, changed, kept (it is declared no more) or unchanged
	Kind    storage.IndexKind `json:"kind"`
	URL     string            `json:"url"`
}

// ImageOffers is what a source lists.
type ImageOffers struct {
	Signed string          `json:"signed"` // "not checked: …", or by whom the list is signed
	Offers []storage.Offer `json:"offers"`
	Left   int             `json:"left,omitempty"` // how many more there are: ask for more words
}
