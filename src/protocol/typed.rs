//! A typed command, taken apart so that something can be put into it: a tag, or the direct talk in which it is meant.

use crate::model::code::Code;
use crate::model::refusal::Refusal;
use crate::model::text::Text;
use crate::model::verb::Verbs;
use crate::protocol::parse::parse;

/// Verbs that take a talk where they take a room: typed in a talk they are meant there.
const OF_A_PLACE: [&str; 12] =
    ["ANSWER", "EDIT", "DELETE", "REACT", "UNREACT", "TYPING", "ROLL", "HISTORY", "EXPORT", "READ", "NOTIFY", "FILES"];
/// Verbs that rooms alone have. Without a room's name they are meant for the current room, which is not where the user types.
const OF_ROOMS: [&str; 19] = [
    "TOPIC", "INVITE", "MODE", "OP", "DEOP", "VOICE", "DEVOICE", "KICK", "MUTE", "UNMUTE", "BAN", "UNBAN", "BANS",
    "RETAIN", "HOOK", "UNHOOK", "WEBHOOK", "PART", "MEMBERS",
];

/// What stands behind the verb, in whichever of the spellings the line was written.
///
/// ```
/// # use chat_server::protocol::typed::args_of;
/// assert_eq!((args_of("/msg budi hi", "WHISPER"), args_of("SAY:#rust x", "SAY")), ("budi hi", "#rust x"));
/// ```
pub fn args_of<'a>(line: &'a str, verb: &str) -> &'a str {
    let colon = line.strip_prefix(verb).and_then(|rest| rest.strip_prefix(':'));
    match (colon, line.strip_prefix('/')) {
        (Some(args), _) => args,
        (None, Some(rest)) if rest.starts_with('/') => rest,
        (None, Some(rest)) => rest.split_once(' ').map_or("", |(_, args)| args),
        (None, None) if line.trim_end() == verb => "",
        (None, None) => line,
    }
}

/// Whether a command names a room where its verb takes one. A word with `#` anywhere else is text.
fn names_a_room(usage: &str, args: &str) -> bool {
    let mut takes = usage.split_whitespace().skip(1);
    let Some(place) = takes.clone().position(|word| word.contains("#room")) else { return false };
    let takes_all = takes.nth(place).is_some_and(|word| word.contains("|*"));
    args.split_whitespace().nth(place).is_some_and(|word| word.starts_with('#') || takes_all && word == "*")
}

/// What stands behind `PASTE` that was typed in a direct talk: the command whose text the lines are.
fn paste_in_talk(args: &str, talk: &str, verbs: &Verbs) -> Result<String, Refusal> {
    if args.is_empty() {
        return Ok(format!("SAY {talk}"));
    }
    let (word, rest) = args.split_once([' ', ':']).unwrap_or((args, ""));
    let word = word.trim_start_matches('/');
    let verb = verbs.named(&word.to_ascii_uppercase()).or_else(|| verbs.slashed(word));
    match verb.filter(|verb| verb.name != "PASTE") {
        Some(verb) => Ok(in_talk(&format!("{}:{rest}", verb.name), talk, verbs)?.replacen(':', " ", 1)),
        // It is refused as it is.
        None => Ok(args.into()),
    }
}

/// A command that was typed in a direct talk as it is meant: with the talk where it names no other place.
///
/// # Errors
/// It is about a room, and names none.
pub fn in_talk(line: &str, talk: &str, verbs: &Verbs) -> Result<String, Refusal> {
    let Some(request) = Text::new(line).ok().and_then(|text| parse(&text, verbs)) else { return Ok(line.into()) };
    let Some(verb) = request.verb else { return Ok(line.into()) };
    // Behind a tag they stand as behind a verb.
    let args = match &request.tag {
        Some(_) => line.split_once(':').map_or("", |(_, args)| args),
        None => args_of(line, verb.name),
    };
    let (args, tag) = (args.trim_start(), request.tag.map_or(String::new(), |tag| format!("={}", tag.as_str())));
    if OF_ROOMS.contains(&verb.name) && !names_a_room(verb.usage, args) {
        let usage = verb.usage;
        return Err(Refusal::new(Code::BadArgument, format!("This is a direct talk, and that is for rooms: {usage}")));
    }
    if verb.name == "PASTE" {
        return Ok(format!("PASTE{tag}:{}", paste_in_talk(args.trim_end(), talk, verbs)?).trim_end().to_string());
    }
    // With a tag they are no plain words, which go where the user is by themselves.
    if verb.name == "MSG" && !tag.is_empty() {
        return Ok(format!("SAY{tag}:{talk} {args}").trim_end().to_string());
    }
    if verb.name == "ACT" {
        return Ok(format!("DO{tag}:{talk} {args}").trim_end().to_string());
    }
    if !OF_A_PLACE.contains(&verb.name) || args.starts_with(['@', '#']) || (verb.name == "READ" && args == "all") {
        return Ok(line.into());
    }
    Ok(format!("{}{tag}:{talk} {args}", verb.name).trim_end().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::VERBS;

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
            let verb = parse(&Text::new(line).unwrap(), &VERBS).unwrap().verb.unwrap();
            assert_eq!(args_of(line, verb.name), args, "{line}");
        }
    }

    #[test]
    fn in_a_talk_a_command_means_the_talk_and_none_goes_to_a_room_unseen() {
        for (line, meant) in [
            ("/history", "HISTORY:@ani+budi"),
            ("/edit last so", "EDIT:@ani+budi last so"),
            ("EDIT=7:4 so", "EDIT=7:@ani+budi 4 so"),
            ("/edit #rust last so", "/edit #rust last so"),
            ("/read all", "/read all"),
            ("/roll 2d6", "ROLL:@ani+budi 2d6"),
            ("ROLL=7:", "ROLL=7:@ani+budi"),
            ("/roll #rust", "/roll #rust"),
            ("/read", "READ:@ani+budi"),
            ("/topic #rust tea", "/topic #rust tea"),
            ("/mute * citra", "/mute * citra"),
            ("/invite citra #rust", "/invite citra #rust"),
            ("/me waves", "DO:@ani+budi waves"),
            ("ACT=1:waves", "DO=1:@ani+budi waves"),
            ("/do #rust waves", "/do #rust waves"),
            ("MSG=1:words", "SAY=1:@ani+budi words"),
            ("MSG:words", "MSG:words"),
            ("/paste", "PASTE:SAY @ani+budi"),
            ("PASTE=7:", "PASTE=7:SAY @ani+budi"),
            ("/paste edit 12", "PASTE:EDIT @ani+budi 12"),
            ("/paste /me", "PASTE:DO @ani+budi"),
            ("PASTE:ANSWER:3", "PASTE:ANSWER @ani+budi 3"),
            ("/paste say #rust", "PASTE:SAY #rust"),
            ("/paste edit #rust last", "PASTE:EDIT #rust last"),
            ("/paste no command", "PASTE:no command"),
            ("/list", "/list"),
            ("hello", "hello"),
            ("/nosuch", "/nosuch"),
        ] {
            assert_eq!(in_talk(line, "@ani+budi", &VERBS).as_deref(), Ok(meant));
        }
        for line in [
            "/topic tea",
            "/topic ask about #rust first",
            "/topic * tea",
            "/kick citra",
            "/kick citra went to #rust",
            "/mute citra 10m * and #rust",
            "/part",
            "/invite citra",
            "/invite #rust citra",
            "/paste topic",
        ] {
            let refused = in_talk(line, "@ani+budi", &VERBS).unwrap_err().to_string();
            assert!(refused.starts_with("This is a direct talk, and that is for rooms: /"), "{line}: {refused}");
        }
    }

    /// A verb with a room is one of the three: it means the talk, it is refused there, or it says by itself what it means.
    #[test]
    fn of_every_verb_it_is_known_what_it_means_in_a_talk() {
        let by_itself = ["JOIN", "LIST", "SEARCH", "SAY", "DO", "SEND", "ROOM", "FORGET", "INVITECODE"];
        for verb in VERBS.iter().filter(|verb| verb.usage.contains("#room")) {
            let lists = [&OF_A_PLACE[..], &OF_ROOMS, &by_itself];
            let count = lists.iter().filter(|list| list.contains(&verb.name)).count();
            assert_eq!(count, 1, "{}: {}", verb.name, verb.usage);
        }
        for name in OF_A_PLACE.iter().chain(&OF_ROOMS).chain(&by_itself) {
            assert!(VERBS.named(name).is_some(), "{name}");
        }
    }
}
