// Browsers fetch nothing from file://: there, what search finds is shown without its surroundings.
if (location.protocol === 'file:') DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;

// A link into the explorer shows it.
document.addEventListener('click', (event) => {
  if (event.target.closest('a[target="explorer"]')) document.querySelector('iframe.explorer').scrollIntoView();
});
