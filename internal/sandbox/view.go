package sandbox

import (
	"net/http"
	"net/url"
	"strings"
	"time"
)

// view is how one request sees the account.
type view struct {
	account    *account
	origin     string
	hideMature bool
	listing    bool // does not tell of what is blocked late
	pascal     bool
	expires    string // exp of every URL written
}

func (s *Server) view(r *http.Request) *view {
	return &view{account: s.account, origin: origin(r), expires: s.expiry()}
}

func origin(r *http.Request) string {
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

// exp is written with seven decimals, as the API page shows it.
func expStamp(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05.0000000Z") }

// expiry is the exp of a URL handed out now.
func (s *Server) expiry() string {
	if s.opt.URLLife > 0 {
		return expStamp(s.opt.Now().Add(s.opt.URLLife))
	}
	return expStamp(s.opt.Epoch.AddDate(0, 0, 190))
}

func (v *view) signedURL(id string) string {
	return v.origin + "/v2/consumer/blobs/" + url.PathEscape(id) +
		"?sig=" + v.account.sealer.signature(id, v.expires) + "&exp=" + url.QueryEscape(v.expires)
}

// enum writes an enumeration's value; PascalCase for the manager API.
func (v *view) enum(value string) string {
	if !v.pascal || value == "" {
		return value
	}
	return strings.ToUpper(value[:1]) + value[1:]
}

func (v *view) blob(b *blob) object {
	withheld := v.hideMature && b.mature()
	late := b.fate == fateLate
	available := b.available() && !withheld && (!late || v.listing)
	o := make(object, 0, 14)
	add := func(key string, value any, known bool) {
		if known {
			o = append(o, member{key, value})
		} else if !b.terse {
			o = append(o, member{key, nil})
		}
	}
	if b.typ != "" {
		o = append(o, member{"type", enum(b.typ)})
	}
	o = v.shape(o, b, available)
	linked := !withheld && !b.noURL
	o = append(o, member{"id", b.id}, member{"available", available})
	add("url", blobLink{b}, linked)
	add("urlExpiresAt", v.expires, linked)
	add("jobId", b.job, b.job != "")
	add("nsfwLevel", enum(b.level), b.level != "")
	add("blockedReason", b.reason, b.reason != "" && (!late || !v.listing))
	return o
}

// shape adds the fields of the blob's own type: size, length, format.
func (v *view) shape(o object, b *blob, available bool) object {
	switch b.typ {
	case "image":
		o = append(o, member{"width", b.width}, member{"height", b.height})
		if available && b.previewed() {
			o = append(o, member{"previewUrl", blobLink{&blob{id: b.preview}}}, member{"previewUrlExpiresAt", v.expires})
		}
	case "video":
		o = append(o, member{"width", b.width}, member{"height", b.height})
	case "audio":
		o = append(o, member{"duration", b.duration})
	case "model3d":
		o = append(o, member{"format", b.content})
	}
	return o
}

func (v *view) step(s *step) object {
	return obj("$type", s.typ, "name", s.name, "priority", enum("normal"), "timeout", "00:21:00",
		"retries", s.retries(), "jobs", s.jobs(), "status", enum(s.status), "startedAt", instant(s.started),
		"completedAt", instant(s.completed), "metadata", s.metadata, "estimatedProgressRate", s.progress(),
		"input", s.input, "output", s.output)
}

func (v *view) workflow(p *plan) object {
	o := obj("id", p.id, "createdAt", when(p.created), "transactions", p.transactions, "metadata", p.metadata,
		"status", enum(p.status), "startedAt", instant(p.started), "completedAt", instant(p.completed),
		"tags", p.tags)
	if !p.bare {
		o = o.with("arguments", object{}, "callbacks", list{}, "tips", obj("civitai", 0, "creators", 0),
			"cost", p.cost, "experimental", nil, "allowMatureContent", nil, "upgradeMode", enum("automatic"),
			"currencies", []string{"blue", "yellow"}, "forceRefunded", false)
	}
	if p.level != "" {
		o = o.with("nsfwLevel", enum(p.level))
	}
	return append(o, p.extra...).with("steps", p.steps)
}

// instant is null for a time that has not come.
func instant(at time.Time) any {
	if at.IsZero() {
		return nil
	}
	return when(at)
}
