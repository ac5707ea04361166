// Asks a key, by WebAuthn, and carries what it says to the page's own address. Two pages: /login and /register.
// What is good and what is not, the server says; its words are shown as text.
"use strict";

const toBytes = (text) =>
  Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (sign) => sign.charCodeAt(0));
const toText = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replace(/\+/g, "-")
    .replace(/\//g, "_")
    .replace(/=+$/, "");

const WORDS = {
  NotAllowedError: "Nothing was signed: it was cancelled, took too long, or this device has no key for this page.",
  InvalidStateError: "This key is registered already.",
  SecurityError: "This address is not the one that keys are made for. Use the page's own address.",
  NotSupportedError: "This key cannot do what is needed here. Try another one.",
  TypeError: "The page cannot be reached. Try again.",
};

async function post(path, values) {
  const answer = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(values),
  });
  const told = await answer.json();
  if (!answer.ok) throw { words: told.words || `The page answers ${answer.status}.` };
  return told;
}

async function logIn(section) {
  const options = await post("/login/options", {});
  const key = await navigator.credentials.get({
    publicKey: { ...options, challenge: toBytes(options.challenge), allowCredentials: [] },
  });
  const { clientDataJSON, authenticatorData, signature, userHandle } = key.response;
  const response = {
    clientDataJSON: toText(clientDataJSON),
    authenticatorData: toText(authenticatorData),
    signature: toText(signature),
    userHandle: userHandle ? toText(userHandle) : null,
  };
  const answer = { id: key.id, rawId: toText(key.rawId), type: key.type, response };
  const told = await post("/login", { answer, next: section.dataset.next });
  location.assign(told.go);
}

async function register(section) {
  const link = location.hash.slice(1);
  if (!link) throw { words: "This address lacks its end. Open the whole link that you were given." };
  const options = await post("/register/options", { link });
  const key = await navigator.credentials.create({
    publicKey: {
      ...options,
      challenge: toBytes(options.challenge),
      user: { ...options.user, id: toBytes(options.user.id) },
      excludeCredentials: options.excludeCredentials.map((known) => ({ ...known, id: toBytes(known.id) })),
    },
  });
  const response = {
    clientDataJSON: toText(key.response.clientDataJSON),
    attestationObject: toText(key.response.attestationObject),
  };
  const answer = { id: key.id, rawId: toText(key.rawId), type: key.type, response };
  const told = await post("/register", { link, answer });
  history.replaceState(null, "", location.pathname);
  const done = document.createElement("p");
  done.className = "good";
  done.setAttribute("role", "status");
  done.textContent = "Your key is registered.";
  const onward = document.createElement("a");
  onward.className = "button";
  onward.href = told.go;
  onward.textContent = "Log in with it";
  section.replaceChildren(done, onward);
  onward.focus();
}

function start(section, act) {
  const button = section.querySelector("button");
  const notice = section.querySelector(".notice");
  const say = (words, isBad) => {
    notice.textContent = words;
    notice.classList.toggle("bad", isBad);
    notice.hidden = false;
  };
  if (!window.PublicKeyCredential) {
    say("This browser gives no keys to this page: it is too old, or the page is not reached over TLS.", true);
    return;
  }
  button.disabled = false;
  button.addEventListener("click", async () => {
    button.disabled = true;
    notice.hidden = true;
    try {
      await act(section);
    } catch (error) {
      say(error.words || WORDS[error.name] || "The browser could not ask a key.", true);
    }
    button.disabled = false;
  });
}

for (const [id, act] of [["login", logIn], ["register", register]]) {
  const section = document.getElementById(id);
  if (section) start(section, act);
}
