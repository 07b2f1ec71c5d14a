package cli

import (
	"fmt"
	"slices"
	"strings"

	"civitar/fetch"
	"civitar/policy"
)

// policyFlags say what is kept.
type policyFlags struct {
	MaxNSFW    level    `name:"max-nsfw" placeholder:"LEVEL" values:"pg,pg13,r,x,xxx" group:"keep" help:"The highest level kept: pg, pg13, r, x or xxx."`
	Unrated    string   `placeholder:"keep|skip" values:"keep,skip" group:"keep" help:"What has no level: keep (default), or skip (default with --max-nsfw)."`
	HideMature bool     `group:"keep" help:"Ask the server to withhold mature content."`
	Media      []string `placeholder:"KIND,…" values:"image,video,audio,model,text,other" group:"keep" help:"Only these kinds: image, video, audio, model, text, other."`
	StepType   []string `placeholder:"TYPE,…" group:"keep" help:"Only results of these step types."`
	Status     []string `placeholder:"STATUS,…" values:"unassigned,preparing,scheduled,processing,succeeded,failed,expired,canceled,deleted" group:"keep" help:"Only results of workflows with one of these statuses."`
	Favorite   bool     `group:"keep" help:"Only your favorites."`
	Liked      bool     `group:"keep" help:"Only what you liked."`
	NotDislike bool     `name:"not-disliked" group:"keep" help:"Not what you disliked."`
	Hidden     bool     `group:"keep" help:"Also what you deleted on the site, while its bytes last."`
	Temp       bool     `group:"keep" help:"Also intermediates of custom workflows."`
	Inputs     bool     `group:"keep" help:"Also the source images of steps, where the service holds them."`
	Previews   bool     `group:"keep" help:"Also the previews of results."`
	MinSize    byteSize `placeholder:"SIZE" group:"keep" help:"Not what is smaller than this, like 10kB."`
	MaxSize    byteSize `aliases:"max-blob-size" placeholder:"SIZE" group:"keep" help:"Not what is larger than this, like 2GiB."`
	Where      string   `placeholder:"EXPR" group:"keep" help:"Only what this holds for, like 'kind == \"image\" and \"anime\" in tags'."`
}

// level is a flag's NSFW level.
type level struct{ fetch.Level }

func (l *level) UnmarshalText(text []byte) (err error) {
	l.Level, err = policy.ParseLevel(string(text))
	return err
}

// policy checks the flags and tells what they say.
func (f *policyFlags) policy() (policy.Policy, error) {
	p := policy.Policy{
		MaxLevel: f.MaxNSFW.Level, Unrated: policy.Unrated(strings.ToLower(f.Unrated)), HideMature: f.HideMature,
		StepTypes: f.StepType, Statuses: f.Status, Favorite: f.Favorite, Liked: f.Liked, NotDisliked: f.NotDislike,
		Hidden: f.Hidden, Temp: f.Temp, Inputs: f.Inputs, Previews: f.Previews, MinSize: int64(f.MinSize), MaxSize: int64(f.MaxSize),
	}
	for _, name := range f.Media {
		kind := policy.Kind(strings.ToLower(strings.TrimSpace(name)))
		if !slices.Contains(policy.Kinds(), kind) {
			return p, usagef("--media: %q is no kind: give image, video, audio, model, text or other", name)
		}
		p.Kinds = append(p.Kinds, kind)
	}
	switch {
	case !slices.Contains([]policy.Unrated{"", policy.UnratedKeep, policy.UnratedSkip}, p.Unrated):
		return p, usagef("--unrated must be keep or skip")
	case p.MaxSize > 0 && p.MinSize > p.MaxSize:
		return p, usagef("--min-size is larger than --max-size")
	}
	if f.Where != "" {
		where, err := policy.ParseWhere(f.Where)
		if err != nil {
			return p, usageError{fmt.Errorf("--where: %w", err)}
		}
		p.Where = where
	}
	return p, nil
}
