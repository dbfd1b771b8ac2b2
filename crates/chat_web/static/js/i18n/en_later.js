// English, what is said in dialogs, panels and menus alone: fetched with them.
import en from './en.js';

Object.assign(en, {
  findHint: 'Where to?', foundNone: 'Nothing by that name. A room’s name has letters, digits, - and _.',
  createRoom: 'Create #{room}',
  accountMore: 'With a password, no other user can come in as {name}.', accountYours: '{name} is yours.', passwordNew: 'New password', passwordOld: 'Password until now', passwordChange: 'Change the password',
  operHead: 'Operator of this server', operKey: 'Operator key', operButton: 'Become an operator',
  searchHint: 'Words', searchHere: 'Only in #{room}', searchHelp: 'Every word has to be in it. Enter searches.', searching: 'Searching…', hits: 'One message|{n} messages', hitNone: 'Nothing with these words.', hitsMore: 'Older ones',
  noMentions: 'There are no recent mentions of you.',
  howLong: 'For how long', time_10m: '10 minutes', time_1h: 'One hour', time_1d: 'One day', time_1w: 'One week', untilLifted: 'until it is lifted',
  inviteSomebody: 'Invite a user', nameOfGuest: 'Their name', whoMay: 'Who may do what', mode_i: 'Only who is invited comes in', mode_m: 'Only operators speak', mode_t: 'Only operators set the topic', mode_k: 'A key that one needs to come in', keyIsSet: 'One needs a key to come in.', keySet: 'Set the key', keyTake: 'Take it away', keptOut: 'Banned and muted', nobody: 'No user.', lift: 'Lift',
  emojiSearch: 'Search, or paste any emoji', noEmoji: 'No emoji by that name.', enterTakes: 'Enter takes it.',
  set_theme: 'Appearance', set_lang: 'Language', set_hours: 'Clock', set_announce: 'Read aloud by screen readers', announce_all: 'All messages', announce_mentions: 'Mentions', announce_none: 'Nothing', rename: 'Change',
  notifyMore: 'When a user mentions you or whispers and you are elsewhere.', notifyDenied: 'Your browser was told to refuse them for this page.', notifyCannot: 'This browser shows no notifications of a page. What calls you stands in the title and in the list of rooms.', notifySecure: 'Browsers allow them on https or localhost only.',
  uploading: 'Sending {name}', cancelFile: 'Stop sending {name}', fileSent: '{name} is sent.', fileCancelled: '{name} was not sent: you stopped it.', fileCut: '{name} was not sent: the connection broke. Try again.', fileEmpty: '{name} is empty, or a folder. A folder goes as an archive.', fileTooBig: '{name} is too big: {most} are allowed.', fileTooBigOnTheWay: '{name} ({size}) was not sent: it is too big for the way to the server. A proxy on that way allows less than the server; tell its operator.', fileRefused: '{name} was not sent: the server, or a proxy before it, answered with {status}. Try again later.', noFiles: 'This server passes no files on.', pasteLess: 'Paste a part of it.', asFile: 'Send as paste.txt',
  keySwitch: 'Go to a room or a person', keyRooms: 'Previous, next room', keyUnread: 'Previous, next unread room', keyEdit: 'Edit your last message', keyTab: 'Complete a name', keyPopup: 'People, rooms, emoji, commands', keyLine: 'New line (sent as a message of its own)', keyEsc: 'Mark as read, go to the end', keyF6: 'Rooms, messages, field, people in turn', keyLog: 'In the messages: choose one, act on it', keyEnd: 'In the messages: the latest', keySheet: 'This sheet',
});
