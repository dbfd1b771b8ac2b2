// Coming: how a user comes in: by the session of before, by a password of before, or by the sign-in.
import * as api from './api.js';
import { t } from './i18n.js';
import { prefs } from './prefs.js';
import { signIn } from './view/signin.js';

/** Resolves with who has come in. `invited`: the code of an invitation. */
export async function comeIn(invited) {
  // Who was never here has no session to ask for.
  if (!prefs.name) return signIn('', invited);
  try {
    const { user, signed_in } = await api.me();
    if (!invited || signed_in) return { ...user, signed_in };
    // A guest gives the name up, and can register it.
    await api.signOut();
  } catch (error) {
    // The server is not there: the page stands ready with what it knows, and tries again.
    if (error.status !== 401) return { name: prefs.name };
  }
  const back = prefs.account ? await api.comeBack().catch(() => null) : null;
  if (back) return back;
  return signIn(prefs.name, invited || (prefs.account ? { why: t('signedOut'), way: 'member' } : {}));
}
