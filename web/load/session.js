/** Whether this browser changed a key for a cookie. Scripts cannot see the cookie itself. */

const NAME = 'session';

export function noteSession(open) {
  try {
    if (open) localStorage.setItem(NAME, 'open');
    else localStorage.removeItem(NAME);
  } catch {
    // storage may be forbidden; the session then ends on its last day
  }
}

export function hasSession() {
  try {
    return localStorage.getItem(NAME) !== null;
  } catch {
    return false;
  }
}
