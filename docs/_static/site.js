// Browsers fetch nothing from file://: there, what search finds is shown without its surroundings.
if (location.protocol === 'file:') DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
