// Types of the page: what goes over the wire, what the page knows, what its rows are, and which functions each view uses.
// They are for the reader and for `tsc`; no browser loads this file. Views name them in their `@param`.

/* ---- the wire (docs/protocol.md) ---- */

interface Person { id?: string; name: string; state?: 'online' | 'idle' | 'away' | 'offline'; away?: string; door?: string; role?: string; signed_in?: boolean }

/** A frame of the server, as wire.js lets it in. Which fields there are goes by `type`. */
interface Frame {
  type: string; ref?: number; room?: any; seq?: number; id?: string; at?: string; cid?: string; text?: string;
  from?: Person; to?: Person; user?: Person; users?: Person[]; rooms?: any; [more: string]: any;
}
/** An `Error` frame; `cut`: the line was cut before an answer came. */
type Refusal = Partial<Frame> & { title: string; code?: string; retry_after_ms?: number; cut?: boolean };

/** A command of the server's table, or one of the page's own (`words`: the key of its help). */
interface Command { name: string; slashes?: string[]; usage: string; help?: string; words?: string; secret?: boolean }

/* ---- what the page knows ---- */

/** What an account shows beside its name; `picture` tells its picture from others. */
interface Profile { account: string; name?: string; status?: string; picture?: string }

/** An item of the outbox: said, and not yet acknowledged. */
interface Item {
  cid: string; room: string; to?: string; text: string; act?: boolean; reply_to?: number | null;
  at: number; since: number; n: number; ref?: number | null; state: 'queued' | 'sent' | 'failed'; why?: string | null;
  /** What goes out in its place: the words, sealed. */
  wire?: string | null;
  /** The account that has said it, and whether it is never to go out in the open. */
  author?: string; toSeal?: boolean;
}
interface Outbox { items: Item[]; storage: Storage | null; last: number; wait: number }

/** A message as merge.js holds it; `v` counts what is shown of it, `item` is there while it is in the outbox. */
interface Message {
  seq?: number; id?: string; cid?: string; v: number; asOf?: number; base?: any; shown?: string;
  from: Person; at: string | number; account?: boolean; act?: boolean; reply_to?: number | null;
  text: string; file?: { token: string; bytes: number; width?: number; height?: number } | null; edited?: boolean; deleted?: boolean; sealed?: '' | 'open' | 'closed';
  reactions: [emoji: string, names: string[]][]; item?: Item;
}
interface Timeline {
  msgs: Map<number, Message>; order: number[]; changes: Map<number, Map<number, Frame>>; have: [number, number][];
  begun: boolean; cids: Map<string, number>;
}
/** A moderation action. */
interface Sentence {
  what?: string; who?: string; by?: string; seconds?: number; reason?: string;
  /** It is done to the reader, or by the reader. */
  mine?: boolean; own?: boolean;
}
/** A line between messages; `after`: the seq of the message above it. */
interface Note extends Sentence { key: string; kind: string; after: number; at?: string; text?: string; items?: any[]; verb?: string }

interface Room {
  id: string; dm: boolean; topic: string; modes: string; op: boolean; joined: boolean;
  lastSeq: number; readSeq: number; unread: number; unreadWas?: number; pinged: number;
  line: number | null; lineAt: string | null; greeted: boolean;
  tl: Timeline; loaded: boolean; notes: Note[]; people: Map<string, Person>; typing: Map<string, number>; lost: [number, number][];
  /** Of what the user is told. */
  notify: 'all' | 'mentions' | 'none'; muted: boolean;
  /** Marked as unread by the user: what is on the screen is no sign of having read it. */
  held: boolean;
  /** Until when the user is muted (ms), 0: not. */
  silent: number;
  /** The first message of a thread, where it is one that is shown. */
  thread?: number;
}
interface Threads { roots: Map<number, number>; threads: Map<number, number[]> }
interface State {
  me: Person | null; role: string; rooms: Map<string, Room>; current: string | null; commands: Command[];
  limits: { text_bytes: number; message_bytes?: number }; server: { name?: string; instance?: string }; epoch: string | null;
  live: boolean; seen: boolean; note: number; names: Set<string>; whispered: string | null; invitations: Map<string, string>;
  silent: number;
  signedIn?: boolean; offer?: { name?: string; picture?: string | null; accounts: boolean; private: boolean; files?: number | null; line?: number };
}

/** What an address names. */
interface Place { room: string; seq: number | null }

/* ---- rows ---- */

interface MessageRow {
  kind: 'message'; key: string; message: Message; v: number; text: string; account: boolean; name: string; me: string;
  head: boolean; mine: boolean; ping: boolean; quotes: boolean; answers: number; quoted: Message | null; quotedV: number; known: string;
  failed: boolean; late: boolean; why: string;
  /** The message that a link in it leads to, and where that is. */
  card: Message | null; cardV: number; cardAt: string;
}
type Row = { at?: string; lang?: string; hours?: string } & (
  | MessageRow
  | { kind: 'day'; key: string; text: string }
  | { kind: 'unread' | 'newer' | 'skeleton'; key: string }
  | { kind: 'older'; key: string; busy: boolean }
  | { kind: 'begin'; key: string; id: string; dm: boolean }
  | { kind: 'gap'; key: string; lost: boolean; n: number }
  | { kind: 'comings'; key: string; joined: string; left: string }
  | { kind: 'note'; key: string; note: Note }
);
/** What rows depend on beside their room. */
interface RowContext {
  me: Person | null; items: Item[]; lang: string; hours: string; now: number;
  here: string; card(place: Place): Message | null;
  /** How many messages the thread of a message has beside it. */
  answers(tl: Timeline, seq: number): number;
  isKnown(name: string): boolean; isRoom(id: string): boolean; isLate(item: Item): boolean;
}

/* ---- what is typed ---- */

interface Where { talk: boolean; commands: Command[]; signedIn?: boolean; keeps: boolean }
type Meaning =
  | { do: 'act' | 'say'; text: string } | { do: 'join'; room: string; key?: string } | { do: 'whisper'; to: string; text: string }
  | { do: 'search'; words: string } | { do: 'leave'; everywhere: boolean } | { do: 'part' | 'give' }
  | { do: 'name-room'; word: string } | { do: 'ask'; command: { name: string; secret: boolean; rest: string } };
type Submission =
  | { do: 'nothing' | 'close' } | { do: 'refuse'; why: string; n?: number } | { do: 'save' | 'command'; text: string }
  | { do: 'say'; text: string; answered: number | null };

/* ---- the parts ---- */

/** What link.js wants done. */
type Effect = { do: string; [more: string]: any };
/** What reduce() of store.js says has changed. */
type Change = { what: string; room?: string; [more: string]: any };
interface PageOf { before?: number; after?: number; limit?: number }

interface Connection {
  feed(input: any): void;
  send(frame: any): boolean;
  /** Answers the ref, or 0 where there is no line. */
  ask(frame: any, good: (ack: Frame) => void, bad: (error: Refusal) => void): number;
  line(): any;
  isLive(): boolean;
  pause(): void;
}
type Accounts = ReturnType<typeof import('../../static/js/accounts.js').accounts>;
type Deed = (verb: string, room: string | null, name: string, how?: { time?: string; seconds?: number; reason?: string }) => Promise<void>;

/** What the views act upon. */
interface App {
  state: State;
  box: Outbox;
  /** Rooms that the server lists. */
  directory: Map<string, { id: string; topic?: string; users?: number }>;
  ignored: Set<string>;
  /** Takes an event into the store, and draws what it changed. */
  take(event: any): void;
  /** Calls a part that comes later. */
  lately(act: (parts: any) => void): void;
  room(): Room | undefined;
  knows(name: string): boolean;
  person(name: string): Person | null;
  everyone(): string[];
  /** Names for suggestions, the one who spoke last first. */
  names(): string[];
  roomIds(): string[];
  commands(word: string): (Command & { slash: string })[];
  open(id: string, focus?: boolean): void;
  /** Opens the direct talk with these users, `+` between them. */
  openDm(names: string): void;
  /** The name on the page of a talk that the server names. */
  talk(id: string): string;
  join(id: string, key?: string): void;
  leave(room: Room): void;
  say(text: string, reply_to?: number | null, act?: boolean): void;
  /** Does what a typed command means. */
  command(text: string): void;
  /** Gives a command to the server. `quiet`: the answer is not shown in the room, only a refusal. */
  give(text: string, quiet?: boolean, then?: (ack: Frame) => void): void;
  holdsSecret(text: string): boolean;
  /** What is typed in a room waits there; passwords and keys are kept nowhere. */
  keepDraft(room: string, text: string): void;
  /** Keeps what is in the field as the draft of its room. */
  keepTyped(): void;
  /** Another device has changed the draft of a room. */
  draftCame(room: string): void;
  ask: Connection['ask'];
  react(room: string, target: number, emoji: string, on: boolean): void;
  saveEdit(message: Message, text: string): void;
  remove(message: Message): void;
  reply(message: Message): void;
  edit(message: Message): void;
  editLast(): boolean;
  mention(name: string): void;
  copy(text: string): void;
  retry(cid: string): void;
  discard(cid: string): void;
  dropNote(key: string): void;
  typing(room: string, on: boolean): void;
  focusComposer(): void;
  /** The talk that a frame belongs to. */
  talkOf(frame: any): { id: string } | null;
  sealedTalk(room: Room): void; labelComposer(room: Room): void; redraw(): void;
  /** Scrolls the messages by so many screens. */
  scroll(pages: number): void;
  sorry(text: string): void;
  markRead(room: Room): void;
  markUnread(message: Message): void;
  nextMention(): void;
  /** Sets of what the user is told: `all`, `mentions`, `none`, `mute` or `unmute`. */
  tell(room: Room, level: string): Promise<void>;
  decline(room: string): void;
  /** More of the room may be on the screen. */
  watched(): void;
  escape(): void;
  step(by: number, unread: boolean): void;
  visit(place: Place): void;
  copyLink(room: Room, message: Message): void;
  /** The message of a place, once it is known. */
  card(place: Place): Message | null;
  showFound(room: string, seq: number, then?: () => void): void;
  goTo(room: string, seq: number): Promise<void>;
  /** A command whose answer goes to the caller. */
  order(text: string): Promise<any>;
  lookAround(): Promise<void>;
  loadOlder(room: Room, limit?: number): Promise<boolean>;
  fill(room: Room, seq: number): Promise<void>;
  set(key: string, value: any): void;
  /** Whether the user's bare name speaks to the user, as the account keeps it. */
  callByName(on: boolean): void;
  /** Shows the page by its settings. */
  dress(): void;
  cookieKept(): Promise<any>;
  stop(): void;
  upload(list: HTMLElement, files: File[], room: string): void;
  /** Sends the files that wait in the tray of a room. */
  sendTray(list: HTMLElement, room: string): void;
  /** Comes about with the next change of the outbox. */
  said(): Promise<void>;
  heavy(strip: HTMLElement, text: string, beside: string, send: (files: File[]) => void, put: () => void): void;
  pickEmoji(anchor: HTMLElement, back: HTMLElement, pick: (emoji: string) => void): void;
  /** A room is shown, or others are in it: who is offline, and what they show beside their names. */
  inRoom(room: Room): void;
  /** What an account shows beside its name, as far as it is known. */
  profile(name: string): Profile | undefined;
  redrawPeople(): void;
  personMenu(anchor: HTMLElement, name: string): void;
  roomMenu(anchor: HTMLElement, room: Room): void;
  /** Opens the thread of a message beside the room. */
  thread(seq: number): void;
  switch(text?: string): void;
  sheet(): void;
  search(text?: string): void;
  settings(): void;
  roomOrder(room: Room): void;
  orderFor(verb: string, name: string): void;
  signOut(): void;
  redrawSettings(): void;
}

/** Which of them each view uses, and no other. */
declare namespace Needs {
  type Accounts = Pick<App, 'state' | 'box' | 'order' | 'stop' | 'cookieKept' | 'redrawSettings'>;
  type Actions = Pick<App, 'thread' | 'copyLink' | 'markUnread' | 'state' | 'room' | 'reply' | 'edit' | 'copy' | 'openDm' | 'remove' | 'react' | 'pickEmoji'>;
  type Composer = Popup & Pick<App, 'state' | 'typing' | 'keepDraft' | 'editLast' | 'pickEmoji' | 'heavy' | 'upload' | 'sendTray' | 'scroll' | 'holdsSecret' | 'sorry' | 'saveEdit' | 'command' | 'say'>;
  type FirstHour = Pick<App, 'order' | 'ask' | 'focusComposer'>;
  type Hearing = Pick<App, 'state' | 'open'>;
  type Heavy = Pick<App, 'state' | 'focusComposer'>;
  type Members = Pick<App, 'state' | 'ask' | 'room' | 'personMenu'>;
  type Mentions = Pick<App, 'state' | 'sorry' | 'showFound'>;
  type Menus = Pick<App, 'tell' | 'state' | 'settings' | 'openDm' | 'mention' | 'ignored' | 'command' | 'orderFor' | 'sorry' | 'markRead' | 'roomOrder' | 'leave' | 'sealedTalk' | 'profile'>;
  type Message = Pick<App, 'thread' | 'state' | 'directory' | 'knows' | 'personMenu' | 'react' | 'retry' | 'copy' | 'discard'>;
  type Moderation = Pick<App, 'state' | 'take' | 'order'>;
  type Navigation = Pick<App, 'state' | 'take' | 'give' | 'sorry' | 'copy'>;
  type Order = RoomSheet & Pick<App, 'state' | 'order' | 'focusComposer'>;
  type Own = FirstHour & Pick<App, 'state' | 'ask' | 'keepTyped' | 'draftCame' | 'dress'>;
  type People = Pick<App, 'state' | 'person' | 'personMenu' | 'inRoom' | 'profile'>;
  type Popup = Pick<App, 'names' | 'roomIds' | 'commands'>;
  type Profile = Pick<App, 'state' | 'profile' | 'sorry'>;
  type Profiles = Pick<App, 'state' | 'room' | 'ask' | 'profile' | 'redrawPeople' | 'redrawSettings'>;
  type Push = Pick<App, 'state' | 'openDm' | 'showFound'>;
  type RoomSheet = Pick<App, 'state' | 'order' | 'tell' | 'copy' | 'leave'>;
  type Rooms = Pick<App, 'decline' | 'state' | 'box' | 'directory' | 'person' | 'open' | 'join' | 'leave' | 'roomMenu'>;
  type Search = Pick<App, 'room' | 'showFound'>;
  type SealedSheet = Pick<App, 'labelComposer'>;
  type Sealing = Pick<App, 'state' | 'order' | 'talkOf' | 'redraw'>;
  type Secret = Pick<App, 'state' | 'order' | 'focusComposer' | 'settings'>;
  type Settings = Pick<App, 'state' | 'set' | 'callByName' | 'give' | 'sorry' | 'sheet' | 'focusComposer' | 'profile'>;
  type Shortcuts = Pick<App, 'nextMention' | 'state' | 'switch' | 'step' | 'escape' | 'sheet' | 'focusComposer'>;
  type Switcher = Pick<App, 'state' | 'directory' | 'everyone' | 'open' | 'join' | 'openDm' | 'lookAround' | 'focusComposer'>;
  type Timeline = Message & Pick<App, 'box' | 'dropNote' | 'watched' | 'loadOlder' | 'fill' | 'sorry' | 'lately' | 'focusComposer' | 'reply' | 'visit' | 'card'>;
  type Thread = App;
  type Uploads = Pick<App, 'state' | 'box' | 'said' | 'sorry' | 'focusComposer'>;
}
