package api

// Routes are method and path of every endpoint.
func Routes() (all [][2]string) {
	for _, r := range (server{}).routes() {
		all = append(all, [2]string{r.method, r.path})
	}
	return all
}

// Policy is the page's.
var Policy = pagePolicy
