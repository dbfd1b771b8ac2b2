// A file as it goes to browsers, for build.rs and its tests: scripts lose the lines that are comments alone, which are a fifth of
// them, and styles their comments. Layout is checked by tests/page.sh, and that no such line stands in a text of several lines by
// tests/it/assets.rs.
fn served(name: &str, bytes: Vec<u8>) -> Vec<u8> {
    if name.ends_with(".css") {
        let text = String::from_utf8_lossy(&bytes);
        let without = text.split("/*").enumerate().map(|(number, part)| match part.split_once("*/") {
            Some((_, rest)) if number > 0 => rest,
            _ => part,
        });
        let without: String = without.collect();
        let lines = without.lines().map(str::trim).filter(|line| !line.is_empty());
        return lines.flat_map(|line| [line, "\n"]).collect::<String>().into_bytes();
    }
    if !name.ends_with(".js") {
        return bytes;
    }
    let Ok(text) = String::from_utf8(bytes) else { return Vec::new() };
    let mut inside = false;
    let mut kept = String::new();
    for line in text.lines() {
        let line = line.trim();
        inside |= line.starts_with("/**");
        if !inside && !line.starts_with("//") {
            kept += line;
        }
        kept.push('\n');
        inside &= !line.ends_with("*/");
    }
    kept.into_bytes()
}
