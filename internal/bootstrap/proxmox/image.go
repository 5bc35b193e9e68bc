package proxmox

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"github.com/tazzo/rebirth/internal/bootstrap/inventory"
)

// Download is an image to be had from a URL.
type Download struct {
	Image inventory.Image
	URL   string
	// SHA256 of the image in hex, which Proxmox checks; empty: it is not checked.
	SHA256 string
}

// HasImage says whether the image lies on its storage, whole: Proxmox gives a file
// its name when it is complete.
func (c *Client) HasImage(ctx context.Context, image inventory.Image) (bool, error) {
	var files []file
	err := c.call(ctx, http.MethodGet, path("nodes", image.Host, "storage", image.Storage, "content"), url.Values{"content": {"import"}}, &files)
	return slices.Contains(files, file{volume(image)}), err
}

// file on a storage.
type file struct {
	Volume string `json:"volid"`
}

// DownloadImage has Proxmox download the image. An image that is there is success,
// whoever downloaded it.
func (c *Client) DownloadImage(ctx context.Context, d Download, report func(string)) error {
	doing := fmt.Sprintf("download %s to storage %s of host %s", d.Image.File, d.Image.Storage, d.Image.Host)
	report(doing)
	params := url.Values{"content": {"import"}, "filename": {d.Image.File}, "url": {d.URL}}
	if d.SHA256 != "" {
		params.Set("checksum", d.SHA256)
		params.Set("checksum-algorithm", "sha256")
	}
	err := c.run(ctx, doing, http.MethodPost, path("nodes", d.Image.Host, "storage", d.Image.Storage, "download-url"), params, report)
	if errors.Is(err, Failed) && ctx.Err() == nil && d.SHA256 == "" {
		// Proxmox refuses to download what is there, unless it can compare a checksum.
		if has, hasErr := c.HasImage(ctx, d.Image); hasErr == nil && has {
			return nil
		}
	}
	return c.needing(err, "/nodes/"+d.Image.Host, "Sys.AccessNetwork")
}
