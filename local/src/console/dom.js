// What the console and the demo app build their pages with. Everything is set as text, never as
// markup: names and messages come from users.

export const by = (id) => document.getElementById(id);

export function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children.filter((child) => child != null));
  return made;
}
