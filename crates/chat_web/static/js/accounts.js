// Accounts: one's name with its password, and the ways out.
import * as api from './api.js';
import { $ } from './dom.js';
import { t } from './i18n.js';
import { setPref, storage } from './prefs.js';
import { turnOff } from './view/push.js';
import { toast } from './view/toast.js';

/** @param {Needs.Accounts} app */
export function accounts(app) {
  const { state } = app;

  /** What is unsent would be lost: it is said, and the user stays. */
  function stays() {
    const n = app.box.items.length;
    if (n) toast(t('unsentStay', { n }), { kind: 'warn' });
    return n > 0;
  }

  /** Asks for the cookie by which this browser stays signed in. */
  async function stayIn(password) {
    await app.cookieKept();
    await api.signIn(state.me.name, password);
    setPref('account', true);
    state.signedIn = true;
    app.redrawSettings();
  }

  /**
   * An account has its drafts where it signs in. Left here, the next user of this browser would read them, and they
   * would become drafts of that user's account.
   */
  function forgetDrafts() {
    $('#text').value = '';
    for (const key of Object.keys(storage ?? {})) if (/^chat\.(draft\.|synced$)/.test(key)) storage.removeItem(key);
  }

  function gone() {
    if (state.signedIn) forgetDrafts();
    setPref('account', false);
    setPref('push', null);
    location.reload();
  }

  return {
    async signOut() {
      if (stays()) return;
      // Also where another page has switched it on: this one does not know of it.
      await turnOff().catch(() => {});
      app.stop();
      // It ends by itself when the socket has been gone for a while.
      await (state.signedIn ? api.signOutMember() : api.signOut()).catch(() => {});
      setPref('name', state.me?.name ?? '');
      gone();
    },
    async signOutEverywhere() {
      if (stays()) return;
      try {
        await api.signOutMember(true);
      } catch (error) {
        toast(error.status ? error.message : t('noServer'), { kind: 'warn' });
        return;
      }
      app.stop();
      gone();
    },
    /** Registers the name one has. */
    async makeMine(password) {
      await app.order(`/register ${password}`);
      await stayIn(password);
      toast(t('nowYours', { name: state.me.name }));
    },
    /** Signs in with an account. */
    async logIn(name, password) {
      await app.order(`/login ${name} ${password}`);
      await stayIn(password);
    },
    async changePassword(old, fresh) {
      await api.changePassword(old, fresh);
      toast(t('passwordChanged'));
    },
  };
}
