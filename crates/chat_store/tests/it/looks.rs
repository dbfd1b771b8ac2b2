//! What names look like is a table of four letters in the core, which has no Unicode data: it says the same as the whole table.

use chat_server::model::looks::look;
use unicode_security::skeleton;

#[test]
fn the_cores_look_of_a_name_is_the_skeleton_of_uts_39() {
    let letters: Vec<char> =
        (0..128_u8).map(char::from).filter(|c| c.is_ascii_alphanumeric() || "_-".contains(*c)).collect();
    for one in &letters {
        for other in &letters {
            let name = format!("{one}{other}");
            assert_eq!(look(&name), skeleton(&name).collect::<String>().to_ascii_lowercase(), "{name}");
        }
    }
}
