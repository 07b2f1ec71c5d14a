package fetch

// opinion is what the user said about a blob on the site. It is not in the blob but in
// the metadata of its step.
type opinion struct {
	hidden, favorite bool
	feedback         string
}

// opinions reads them from metadata.output, and from metadata.images of older
// workflows (the API page, "Where blobs hide in a step's output").
func opinions(metadata node) map[string]opinion {
	var all map[string]opinion
	for _, key := range []string{"output", "images"} {
		v := metadata.get(key)
		for i, item := range v.values() {
			id := item.name("id")
			if v.kind == '{' {
				id = v.keys()[i]
			}
			o := all[id]
			hidden, _ := item.flag("hidden")
			favorite, _ := item.flag("favorite")
			o = opinion{
				hidden:   o.hidden || hidden,
				favorite: o.favorite || favorite,
				feedback: orElse(o.feedback, clip(oneLine(item.str("feedback")), 40)),
			}
			if id != "" && o != (opinion{}) {
				if all == nil {
					all = make(map[string]opinion)
				}
				all[id] = o
			}
		}
	}
	return all
}

// mark notes the opinions on a blob.
func mark(b Blob, st *step) Blob {
	for _, of := range st.marks {
		o := of[string(b.ID)]
		b.Hidden = b.Hidden || o.hidden
		b.Favorite = b.Favorite || o.favorite
		b.Feedback = orElse(b.Feedback, o.feedback)
	}
	return b
}

func orElse[T comparable](a, b T) T {
	var zero T
	if a == zero {
		return b
	}
	return a
}
