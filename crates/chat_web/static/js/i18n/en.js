// English. Each key is in id.js as well; a test says so.

export default {
  title: 'chat', nameLabel: 'Your name', nameHint: 'Letters, digits, _ and -. You can change it later with /nick.', comeIn: 'Come in', another: 'Another name',
  welcome: 'Come in and talk', welcomeText: 'One conversation for browsers, telnet and scripts. Choose a name; Enter, and you are in.',
  badName: 'A name has 1 to 32 letters, digits, _ or -, and starts with a letter or _.', nameTaken: 'This name is taken. How about {name}?', cannotReach: 'The server cannot be reached. Trying again…',
  rooms: 'Rooms', direct: 'Direct', roomName: 'Join or open a room', joinRoom: 'Join or open a room', badRoom: 'A room name has letters, digits, _ and -.', roomUnread: '#{room}, {n} unread',
  people: 'People', peopleHere: 'People · {n}', you: 'you', byDoor: '{state} · by {door}', 'state.online': 'online', 'state.idle': 'idle', 'state.away': 'away', 'state.offline': 'offline',
  say: 'Message', sayIn: 'Message {where}', send: 'Send', suggestions: 'Suggestions', cancel: 'Cancel', editing: 'Correcting: ', replying: 'Answering {name}: ', tooLong: 'A line has at most {n} bytes. Send it in pieces.',
  older: 'Show earlier messages', toEnd: 'To the latest', newer: '{n} new', unreadLine: 'New', deleted: 'This message was deleted', edited: '(edited)', quoteGone: 'an earlier message',
  sending: 'Sending…', notSent: 'Not sent yet', retry: 'Try again', copy: 'Copy', discard: 'Discard', copied: 'Copied', cannotCopy: 'This browser lets the page copy only over https.',
  react: 'React', reply: 'Answer', more: 'More', edit: 'Correct', delete: 'Delete', reactTo: 'React to {name}', replyTo: 'Answer {name}', moreOf: 'More for the message of {name}', actionsOn: 'Message of {name}', reactWith: 'React with {emoji}', anyEmoji: 'Any emoji, or :name:',
  reacted: '{emoji} by {names}', reactedWithYou: '{emoji} by {names}; press to take yours back',
  'notice.joined': '{who} joined', 'notice.left': '{who} left ({why})', 'notice.renamed': '{who} is {to} now', 'notice.topic': '{who} set the topic: {text}', 'notice.notice': '{text}',
  emptyRoom: 'Nobody has said anything here yet', emptyRoomText: 'Be the first. Or open this page in a second window, or run: telnet {host} 7878', emptyDirect: 'Between you and {name}', emptyDirectText: 'What you write here only {name} reads. It is not kept.',
  typing1: '{a} is typing…', typing2: '{a} and {b} are typing…', typingN: '{a} and {n} others are typing…',
  connecting: 'Connecting…', live: 'Connected', offline: 'No connection. Next try in {s} s.', unsent: '{n} unsent', tryNow: 'Try now', kicked: 'You were sent away: {why}', banned: 'You are not welcome here: {why}', fault: 'The page and the server do not understand each other: {why}', refused: 'The server refused this page: {why}', left: 'You have left.', comeBack: 'Come back',
  back: 'The connection is back', lost: 'The connection is lost', mentioned: '{name} mentioned you in #{room}', whispered: '{name} whispers', 
  settings: 'Settings', theme: 'Look', themeAuto: 'As the system', themeLight: 'Light', themeDark: 'Dark', language: 'Language', clockStyle: 'Clock', readAloud: 'Screen reader', readAll: 'Every message', readMentions: 'Only what names me', readNone: 'Nothing', notifications: 'Notifications', on: 'On', off: 'Off', insecure: 'On plain http browsers switch off notifications and copying. https, or localhost, has them.', notifyDenied: 'The browser does not allow notifications for this page.', done: 'Done',
  keys: 'Keys', keySwitch: 'Go to a room or a person', keyRooms: 'The room above, the room below', keyEdit: 'Correct your last message', keyTab: 'Complete a name', keyLine: 'A new line', keyEsc: 'Mark as read and go to the end', keyEnd: 'To the latest message', keySheet: 'This sheet', keysHint: 'In the list of messages ↑ and ↓ walk, Enter opens what can be done.',
  switcher: 'Go to', switchHint: 'A room or a name', skip: 'Skip to writing', menu: 'Rooms', otherRooms: 'Other rooms', leaveRoom: 'Leave #{room}', signOut: 'Leave the chat', copyText: 'Copy this', gap: 'Some messages are not kept any more', messagesIn: 'Messages in {where}', unreadTitle: '({n}) {where}', jumpNew: '{n} new since {at}', markRead: 'Mark as read', noTopic: 'No topic yet', topicOf: 'Topic: {text}',
};
