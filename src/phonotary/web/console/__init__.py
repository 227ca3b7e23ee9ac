"""Pages for people: the onboarding form behind a link, and the review desk. Plain for now."""
