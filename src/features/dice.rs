//! Dice: `/roll 2d6` rolls them where the whole room sees how they fall, or the members of a direct talk.

use crate::chat::router::Turn;
use crate::features::state::{Answer, Features};
use crate::model::args::Args;
use crate::model::command::Command;
use crate::model::event::{Event, Words};
use crate::model::feature::{Asked, FeatureCommand, Told};
use crate::model::names::{ClientId, Name, RoomName};
use crate::model::parts::Parts;
use crate::model::refusal::Refusal;
use crate::model::verb::{Subject, Verb, verb};
use crate::protocol::coded::coded;

/// `/roll [#room|@user] [<count>d<sides>]`
pub static ROLL: Verb =
    verb(Subject::Talk, "ROLL", &["roll"], "/roll [#room|@user] [2d6]", "roll dice; the room sees how they fall", read)
        .loud();

/// What is to be rolled: 1 to 20 dice with 2 to 1,000 sides each.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Roll {
    /// Where; `None` is the current room.
    pub room: Option<RoomName>,
    /// How many dice.
    pub count: u8,
    /// How many sides each has.
    pub sides: u16,
}

impl Asked for Roll {}

coded!(struct Roll { room, count, sides });

/// How the dice fell.
#[derive(Debug)]
pub struct Rolled {
    /// The room or the direct talk.
    pub room: RoomName,
    /// The user who rolled.
    pub name: Name,
    /// What was to be rolled.
    pub roll: Roll,
    /// How each of the dice fell.
    pub fell: Vec<u64>,
}

/// Reads `2d6`; nothing at all is one die with six sides.
fn read(mut args: Args) -> Result<Command, Refusal> {
    let room = args.place()?;
    let words = if args.is_empty() { "1d6" } else { args.as_str() };
    let numbers = words.split_once(['d', 'D']).and_then(|(count, sides)| {
        // `d20` is one die with 20 sides.
        let count = if count.is_empty() { Ok(1) } else { count.parse() };
        Some((count.ok()?, sides.parse().ok()?))
    });
    match numbers {
        Some((count @ 1..=20, sides @ 2..=1_000)) => Ok(Command::feature(Roll { room, count, sides })),
        _ => Err(args.explained("One roll is 1d2 to 20d1000, as in /roll 2d6.").unfit()),
    }
}

/// Carries out a command of this feature; `None` if it is one of another feature.
pub(crate) fn carry_out(
    turn: &mut Turn<'_, Features>,
    id: ClientId,
    command: &FeatureCommand,
) -> Option<Result<Answer, Refusal>> {
    command.open().map(|roll| throw(turn, id, roll))
}

fn throw(turn: &mut Turn<'_, Features>, id: ClientId, roll: &Roll) -> Result<Answer, Refusal> {
    let name = turn.name_of(id)?;
    let room = turn.meant(id, roll.room.clone())?;
    let room = turn.may_speak_at(id, &room)?;
    turn.all_are_told(id, room)?;
    let room = room.name.clone();
    // The remainder of a random number of 64 bits is fair enough: no side is ahead by more than one in 10^16.
    let fell = (0..roll.count).map(|_| 1 + turn.now.draw() % u64::from(roll.sides)).collect();
    let rolled = Rolled { room: room.clone(), name: name.clone(), roll: roll.clone(), fell };
    if !room.is_talk() {
        turn.show_speaker(id);
    }
    turn.tell_at(&room, &name, Event::feature(rolled));
    let words = if room.is_talk() {
        "The members of the talk who are here see how they fell."
    } else {
        "The room sees how they fell."
    };
    let words = Words::fixed(words).with("room", room.as_str());
    Ok(Answer::Said(words.into()))
}

impl Told for Rolled {
    fn room(&self) -> Option<&RoomName> {
        Some(&self.room)
    }

    fn line(&self) -> Parts {
        Parts::new("ROLL")
            .field(&self.name)
            .field(format_args!("{}d{}", self.roll.count, self.roll.sides))
            .text(self.sum())
    }

    fn sentence(&self) -> String {
        format!("{} rolls {}d{}: {}", self.name, self.roll.count, self.roll.sides, self.sum())
    }
}

impl Rolled {
    /// `3+4 = 7`; of one die its number alone.
    fn sum(&self) -> String {
        let fell: Vec<String> = self.fell.iter().map(u64::to_string).collect();
        match fell.as_slice() {
            [one] => one.clone(),
            all => format!("{} = {}", all.join("+"), self.fell.iter().sum::<u64>()),
        }
    }
}
