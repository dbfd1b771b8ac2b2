//! A typed line, taken apart so that a tag can be put into it.

/// What stands behind the verb, in whichever of the spellings it was written.
pub(crate) fn args_of<'a>(line: &'a str, verb: &str) -> &'a str {
    let colon = line.strip_prefix(verb).and_then(|rest| rest.strip_prefix(':'));
    match (colon, line.strip_prefix('/')) {
        (Some(args), _) => args,
        (None, Some(rest)) if rest.starts_with('/') => rest,
        (None, Some(rest)) => rest.split_once(' ').map_or("", |(_, args)| args),
        (None, None) if line.trim_end() == verb => "",
        (None, None) => line,
    }
}

#[cfg(test)]
mod tests {
    use chat_server::features::VERBS;
    use chat_server::model::text::Text;
    use chat_server::protocol::parse;

    use super::*;

    #[test]
    fn every_spelling_can_carry_a_tag() {
        let lines = [
            ("MSG:a: b", "a: b"),
            ("done", "done"),
            ("Re: yes", "Re: yes"),
            ("//help", "/help"),
            ("/list", ""),
            ("LIST", ""),
            ("/msg budi hi", "budi hi"),
            ("SAY:#rust x", "#rust x"),
        ];
        for (line, args) in lines {
            let verb = parse::parse(&Text::new(line).unwrap(), &VERBS).unwrap().verb.unwrap();
            assert_eq!(args_of(line, verb.name), args, "{line}");
        }
    }
}
