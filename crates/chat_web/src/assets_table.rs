/// Every file of the page. A test holds this against the folder.
static ASSETS: &[(&str, &[u8])] = &[("index.html", include_bytes!("../static/index.html"))];
