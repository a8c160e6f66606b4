// What the server wrote into the page.

const given = document.querySelector('meta[name="rollcall"]').dataset;

export const VERSION = given.version;
/** A message's content at most, in bytes of UTF-8. */
export const MESSAGE_BYTES_MAX = Number(given.maxMessageBytes);
export const REGISTRATION_OPEN = given.registrationOpen === "yes";
export const ADMIN_HERE = given.adminHere === "yes";
