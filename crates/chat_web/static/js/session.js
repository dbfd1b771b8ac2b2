// Session: how a user comes back when the session is over. What is unsent stays through all of it.
import * as api from './api.js';
import { $ } from './dom.js';
import { t } from './i18n.js';
import { prefs, setPref } from './prefs.js';
import { signIn } from './view/signin.js';

/**
 * @param {State} state
 * @param {Connection} connection
 */
export function session(state, connection) {
  function iAm(user) {
    state.me = { id: user.id, name: user.name };
    state.signedIn = !!(user.signed_in || user.role);
  }

  /** The session is over (a restart, a long sleep): sign on again under the same name. */
  async function again() {
    try {
      const known = await api.me().catch((error) => {
        if (error.status !== 401) throw error;
        return null;
      });
      if (!known) await renewed();
      connection.feed({ type: 'signed' });
    } catch (error) {
      const blind = error.code === 'no-cookies';
      const text = blind ? t('noCookies') : error.message;
      connection.feed({ type: 'sign-failed', text, final: blind || error.status === 403 });
    }
  }

  async function renewed() {
    let owned = false;
    const taken = (error) => {
      if (error.status !== 409 && error.code !== 'members-only') throw error;
      owned = error.code !== 'name-in-use';
      return null;
    };
    const back = prefs.account ? await api.comeBack() : null;
    const user = back ?? (await api.signOn(state.me.name).catch(taken));
    // The name is taken, perhaps still by our own dead connection: only the user can choose another, or prove whose it
    // is.
    iAm(user ?? (await ask(owned)));
  }

  async function ask(owned) {
    connection.pause();
    $('#app').inert = true;
    const why = owned ? { why: t('signedOut'), way: 'member' } : { why: t('nameGone', { name: state.me.name }) };
    const user = await signIn(state.me.name, why);
    $('#app').inert = false;
    return user;
  }

  /** The session has another token. The cookie has to follow, or the next connection finds no session. */
  let kept = Promise.resolve();
  function keepToken(token, tries = 3) {
    kept = api.keepCookie(token).catch((error) => {
      if (!error.status && tries > 1) return keepToken(token, tries - 1);
      return console.warn(error);
    });
    return kept;
  }

  return {
    again,
    keepToken,
    /** The cookie is that of the newest token. */
    kept: () => kept,
    iAm(user) {
      iAm(user);
      setPref('name', user.name);
    },
  };
}
