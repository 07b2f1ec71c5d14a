package policy

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"civitar/fetch"
)

// FromValues is the policy that has these values.
func FromValues(v url.Values) (Policy, error) {
	flag := func(name string) bool { return v.Get(name) == "true" }
	size := func(name string) int64 {
		n, _ := strconv.ParseInt(v.Get(name), 10, 64) // absent is no limit
		return n
	}
	p := Policy{
		MaxLevel: fetch.Level(v.Get("max-nsfw")), Unrated: Unrated(v.Get("unrated")), HideMature: flag("hide-mature"),
		StepTypes: v["step-type"], Statuses: v["status"], Favorite: flag("favorite"), Liked: flag("liked"), NotDisliked: flag("not-disliked"),
		Hidden: flag("hidden"), Temp: flag("temp"), Inputs: flag("inputs"), Previews: flag("previews"),
		MinSize: size("min-size"), MaxSize: size("max-size"),
	}
	if p.MaxLevel != "" && p.Unrated == UnratedDefault { // or else it would be named
		p.Unrated = UnratedKeep
	}
	for _, kind := range v["media"] {
		p.Kinds = append(p.Kinds, Kind(kind))
	}
	if text := v.Get("where"); text != "" {
		where, err := ParseWhere(text)
		if err != nil {
			return p, err
		}
		p.Where = where
	}
	return p, nil
}

// Values are what the policy says, by the names of the flags that say it; none where it
// keeps everything. Policies that decide alike have the same values.
func (p *Policy) Values() url.Values {
	v := url.Values{}
	set := func(name, value string) {
		if value != "" {
			v.Set(name, value)
		}
	}
	list := func(name string, values []string) {
		for _, s := range values {
			v.Add(name, strings.ToLower(s))
		}
		slices.Sort(v[name])
		if len(v[name]) > 0 {
			v[name] = slices.Compact(v[name])
		}
	}
	size := func(name string, n int64) {
		if n > 0 {
			v.Set(name, strconv.FormatInt(n, 10))
		}
	}
	flag := func(name string, on bool) {
		if on {
			v.Set(name, "true")
		}
	}
	set("max-nsfw", string(p.MaxLevel))
	if p.skipsUnrated() {
		set("unrated", string(UnratedSkip))
	}
	flag("hide-mature", p.HideMature)
	kinds := make([]string, len(p.Kinds))
	for i, k := range p.Kinds {
		kinds[i] = string(k)
	}
	list("media", kinds)
	list("step-type", p.StepTypes)
	list("status", p.Statuses)
	flag("favorite", p.Favorite)
	flag("liked", p.Liked)
	flag("not-disliked", p.NotDisliked)
	flag("hidden", p.Hidden)
	flag("temp", p.Temp)
	flag("inputs", p.Inputs)
	flag("previews", p.Previews)
	size("min-size", p.MinSize)
	size("max-size", p.MaxSize)
	if p.Where != nil {
		set("where", p.Where.String())
	}
	return v
}
