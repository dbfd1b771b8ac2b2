// Emoji names: the `:name:` table, of which emoji.js makes use. No pictures; the characters are Unicode's own.
export default `
smile😄 grin😁 joy😂 rofl🤣 slight_smile🙂 wink😉 blush😊 innocent😇 heart_eyes😍 star_struck🤩 kissing_heart😘
yum😋 stuck_out_tongue😛 zany🤪 hug🤗 thinking🤔 salute🫡 shush🤫 raised_eyebrow🤨 neutral😐 expressionless😑
smirk😏 unamused😒 eye_roll🙄 grimacing😬 relieved😌 pensive😔 sleepy😪 sleeping😴 mask😷 sick🤒 nauseated🤢
sneezing🤧 hot🥵 cold🥶 woozy🥴 dizzy_face😵 mind_blown🤯 cowboy🤠 party🥳 sunglasses😎 nerd🤓 monocle🧐
confused😕 worried😟 frown🙁 astonished😲 flushed😳 pleading🥺 fearful😨 anxious😰 cry😢 sob😭 scream😱 tired😫
yawn🥱 triumph😤 angry😠 rage😡 swearing🤬 imp😈 skull💀 poop💩 clown🤡 ghost👻 alien👽 robot🤖 cat😺
see_no_evil🙈 hear_no_evil🙉 speak_no_evil🙊 kiss💋 love_letter💌 heart❤️ orange_heart🧡 yellow_heart💛
green_heart💚 blue_heart💙 purple_heart💜 black_heart🖤 broken_heart💔 two_hearts💕 sparkling_heart💖 100💯
boom💥 sweat_drops💦 dash💨 bomb💣 speech💬 zzz💤 wave👋 raised_hand✋ vulcan🖖 ok_hand👌 pinched🤌 victory✌️
crossed_fingers🤞 rock🤘 call_me🤙 point_left👈 point_right👉 point_up☝️ point_down👇 thumbsup👍 +1👍
thumbsdown👎 -1👎 fist✊ punch👊 clap👏 raised_hands🙌 open_hands👐 handshake🤝 pray🙏 writing✍️ muscle💪
brain🧠 eyes👀 eye👁️ tongue👅 baby👶 facepalm🤦 shrug🤷 ninja🥷 technologist🧑‍💻 dancer💃 dog🐶 mouse🐭 fox🦊
bear🐻 panda🐼 koala🐨 tiger🐯 lion🦁 cow🐮 pig🐷 frog🐸 monkey🐵 chicken🐔 penguin🐧 bird🐦 owl🦉 bat🦇 wolf🐺
otter🦦 unicorn🦄 bee🐝 bug🐛 butterfly🦋 snail🐌 turtle🐢 snake🐍 crab🦀 octopus🐙 dolphin🐬 whale🐳 shark🦈
elephant🐘 rose🌹 sunflower🌻 blossom🌸 tree🌳 palm🌴 cactus🌵 herb🌿 clover🍀 leaves🍃 maple🍁 mushroom🍄
apple🍎 banana🍌 grapes🍇 mango🥭 pineapple🍍 coconut🥥 tomato🍅 avocado🥑 chili🌶️ corn🌽 bread🍞 cheese🧀 egg🥚
bacon🥓 burger🍔 fries🍟 pizza🍕 taco🌮 rice🍚 ramen🍜 sushi🍣 cookie🍪 cake🍰 birthday🎂 chocolate🍫 honey🍯
coffee☕ tea🍵 beer🍺 beers🍻 wine🍷 cocktail🍸 cheers🥂 globe🌍 mountain⛰️ volcano🌋 house🏠 office🏢 rocket🚀
plane✈️ train🚆 car🚗 bike🚲 ship🚢 anchor⚓ hourglass⌛ watch⌚ alarm⏰ moon🌙 sun☀️ star⭐ stars🌟 cloud☁️
rain🌧️ thunder⛈️ snow❄️ rainbow🌈 umbrella☔ zap⚡ fire🔥 ocean🌊 tada🎉 confetti🎊 balloon🎈 gift🎁 trophy🏆
medal🏅 soccer⚽ basketball🏀 dart🎯 game🎮 dice🎲 puzzle🧩 art🎨 music🎵 guitar🎸 headphones🎧 phone📱
computer💻 keyboard⌨️ printer🖨️ camera📷 tv📺 bulb💡 book📖 books📚 memo📝 pencil✏️ pushpin📌 paperclip📎
scissors✂️ lock🔒 unlock🔓 key🔑 hammer🔨 wrench🔧 gear⚙️ link🔗 package📦 mailbox📬 chart📈 calendar📅
clipboard📋 bell🔔 mute🔇 loudspeaker📢 search🔍 warning⚠️ no_entry⛔ x❌ check✅ heavy_check✔️ question❓
exclamation❗ recycle♻️ infinity♾️ plus➕ minus➖ arrow_right➡️ arrow_left⬅️ arrow_up⬆️ arrow_down⬇️
new🆕 ok🆗 sos🆘 up🆙 checkered_flag🏁 white_flag🏳️ indonesia🇮🇩`;
