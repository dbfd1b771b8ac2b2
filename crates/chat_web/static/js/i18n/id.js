// Bahasa Indonesia. Each key is in en.js as well; a test says so.

export default {
  title: 'chat', nameLabel: 'Nama Anda', nameHint: 'Huruf, angka, _ dan -. Bisa diganti nanti dengan /nick.', comeIn: 'Masuk', another: 'Nama lain',
  welcome: 'Mari mengobrol', welcomeText: 'Satu obrolan untuk peramban, telnet, dan skrip. Pilih nama, tekan Enter, dan Anda di dalam.',
  badName: 'Nama terdiri dari 1 sampai 32 huruf, angka, _ atau -, dan diawali huruf atau _.', nameTaken: 'Nama ini sudah dipakai. Bagaimana kalau {name}?', cannotReach: 'Server tidak terjangkau. Mencoba lagi…',
  rooms: 'Ruang', direct: 'Langsung', roomName: 'Masuk atau buka ruang', joinRoom: 'Masuk atau buka ruang', badRoom: 'Nama ruang terdiri dari huruf, angka, _ dan -.', roomUnread: '#{room}, {n} belum dibaca',
  people: 'Orang', peopleHere: 'Orang · {n}', you: 'Anda', byDoor: '{state} · lewat {door}', 'state.online': 'daring', 'state.idle': 'diam', 'state.away': 'pergi', 'state.offline': 'luring',
  say: 'Pesan', sayIn: 'Pesan ke {where}', send: 'Kirim', suggestions: 'Saran', cancel: 'Batal', editing: 'Memperbaiki: ', replying: 'Menjawab {name}: ', tooLong: 'Satu baris paling banyak {n} bita. Kirim bertahap.',
  older: 'Tampilkan pesan sebelumnya', toEnd: 'Ke yang terbaru', newer: '{n} baru', unreadLine: 'Baru', deleted: 'Pesan ini dihapus', edited: '(diperbaiki)', quoteGone: 'pesan sebelumnya',
  sending: 'Mengirim…', notSent: 'Belum terkirim', retry: 'Coba lagi', copy: 'Salin', discard: 'Buang', copied: 'Tersalin', cannotCopy: 'Peramban ini hanya mengizinkan penyalinan lewat https.',
  react: 'Tanggapi', reply: 'Jawab', more: 'Lainnya', edit: 'Perbaiki', delete: 'Hapus', reactTo: 'Tanggapi {name}', replyTo: 'Jawab {name}', moreOf: 'Pilihan untuk pesan {name}', actionsOn: 'Pesan {name}', reactWith: 'Tanggapi dengan {emoji}', anyEmoji: 'Emoji apa saja, atau :nama:',
  reacted: '{emoji} dari {names}', reactedWithYou: '{emoji} dari {names}; tekan untuk menarik milik Anda',
  'notice.joined': '{who} masuk', 'notice.left': '{who} keluar ({why})', 'notice.renamed': '{who} sekarang {to}', 'notice.topic': '{who} menetapkan topik: {text}', 'notice.notice': '{text}',
  emptyRoom: 'Belum ada yang berkata apa-apa di sini', emptyRoomText: 'Jadilah yang pertama. Atau buka halaman ini di jendela kedua, atau jalankan: telnet {host} 7878', emptyDirect: 'Antara Anda dan {name}', emptyDirectText: 'Yang Anda tulis di sini hanya dibaca {name}. Tidak disimpan.',
  typing1: '{a} sedang mengetik…', typing2: '{a} dan {b} sedang mengetik…', typingN: '{a} dan {n} lainnya sedang mengetik…',
  connecting: 'Menyambung…', live: 'Tersambung', offline: 'Tidak ada sambungan. Coba lagi dalam {s} d.', unsent: '{n} belum terkirim', tryNow: 'Coba sekarang', kicked: 'Anda dikeluarkan: {why}', banned: 'Anda tidak diterima di sini: {why}', fault: 'Halaman dan server tidak saling mengerti: {why}', refused: 'Server menolak halaman ini: {why}', left: 'Anda sudah keluar.', comeBack: 'Kembali',
  back: 'Sambungan pulih', lost: 'Sambungan terputus', mentioned: '{name} menyebut Anda di #{room}', whispered: '{name} berbisik',
  settings: 'Pengaturan', theme: 'Tampilan', themeAuto: 'Ikut sistem', themeLight: 'Terang', themeDark: 'Gelap', language: 'Bahasa', clockStyle: 'Jam', readAloud: 'Pembaca layar', readAll: 'Setiap pesan', readMentions: 'Hanya yang menyebut saya', readNone: 'Tidak ada', notifications: 'Pemberitahuan', on: 'Nyala', off: 'Mati', insecure: 'Di http biasa peramban mematikan pemberitahuan dan penyalinan. Di https, atau localhost, keduanya ada.', notifyDenied: 'Peramban tidak mengizinkan pemberitahuan untuk halaman ini.', done: 'Selesai',
  keys: 'Tombol', keySwitch: 'Pergi ke ruang atau orang', keyRooms: 'Ruang di atas, ruang di bawah', keyEdit: 'Perbaiki pesan terakhir Anda', keyTab: 'Lengkapi nama', keyLine: 'Baris baru', keyEsc: 'Tandai terbaca dan ke akhir', keyEnd: 'Ke pesan terbaru', keySheet: 'Lembar ini', keysHint: 'Di daftar pesan ↑ dan ↓ berjalan, Enter membuka pilihan.',
  switcher: 'Pergi ke', switchHint: 'Ruang atau nama', skip: 'Langsung menulis', menu: 'Ruang', leaveRoom: 'Keluar dari #{room}', signOut: 'Keluar dari obrolan', copyText: 'Salin ini', gap: 'Sebagian pesan tidak disimpan lagi', messagesIn: 'Pesan di {where}', unreadTitle: '({n}) {where}', jumpNew: '{n} baru sejak {at}', markRead: 'Tandai terbaca', noTopic: 'Belum ada topik', topicOf: 'Topik: {text}',
};
