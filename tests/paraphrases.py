"""Pairs of sentences that mean the same in other words; ours."""

PARAPHRASES = (
    ("How do I reset my password if I have forgotten it?", "I have forgotten my password, how can I reset it?"),
    ("The committee rejected the proposal because it was too expensive.", "Because it was too expensive, the proposal was rejected by the committee."),
    ("Please send me the invoice for last month's order.", "Could you please send the invoice for the order of last month to me?"),
    ("Rain fell all night and flooded the lower fields near the river.", "The lower fields near the river were flooded, for rain had been falling all night."),
    ("My printer shows a paper jam error although there is no paper inside.", "Although no paper is inside, the printer shows an error about a paper jam."),
    ("The library opens at nine on weekdays and at ten on Saturdays.", "On weekdays the library opens at nine, on Saturdays at ten."),
    ("She translated the poem into French and read it aloud to the class.", "She read aloud to the class the poem, which she had translated into French."),
    ("We measured the temperature of the water every ten minutes for two hours.", "For two hours, the water's temperature was measured every ten minutes."),
    ("The train to Leeds was delayed by forty minutes because of a fallen tree.", "A fallen tree delayed the Leeds train by forty minutes."),
    ("Can I return shoes bought online in one of your shops?", "Is it possible to return shoes in a shop that I bought online?"),
    ("Die Sitzung beginnt morgen um acht Uhr im großen Saal.", "Morgen um acht Uhr beginnt im großen Saal die Sitzung."),
    ("Before baking, leave the dough in a warm place for an hour.", "Leave the dough for an hour in a warm place before baking it."),
)  # fmt: skip
