"""Lists of English words and signs that features count; plain data, without kernels."""

from typing import Literal, get_args

STOP_WORDS = ("the", "be", "to", "of", "and", "that", "have", "with")
"""Rae et al. 2021, Table A1."""
_FUNCTION = (
    "the of and to a in that it is was he for with as his on be at by i this had not are but from or have an they which one you were "
    "her all she there would their we him been has when who will no more if out so what up its about into than them can only other "
    "some could these may then do any my now such like our over me even most after also did many before must through where much your "
    "shall upon should because every own under here both very"
)
FUNCTION_WORDS = tuple(_FUNCTION.split())
"""Words of grammar, commonest first; their rates are a style's profile (Mosteller and Wallace 1963; Burrows 2002)."""
ARCHAIC_WORDS = (
    "thee thou thy thine ye hath doth dost hast art wilt shalt whilst whence thence hither thither wherefore betwixt ere oft unto "
    "upon nay methinks verily lest hereby thereof whereof wherein therein hitherto mine forsooth twas tis 'tis 'twas o'er e'en "
    "countenance discourse vexed ado forthwith henceforth amongst amidst bade beheld behold beseech fain foe foes heretofore lo nigh "
    "nought naught prithee sate shew shewn shewed smote spake thereupon thrice tidings to-day to-morrow to-night wherewith whereupon "
    "whither wherefrom yonder yore mayst canst couldst wouldst shouldst hadst didst wert thyself hereof herein therefrom thereby "
    "perchance peradventure betimes anon erst quoth wroth sirrah"
)
"""Words that were common before 1900 and are not now."""
DATED_WORDS = (
    "alas bestow bestowed brethren bosom carriage chamber chambers countrymen dwelt dwelling endeavour endeavoured exclaimed fancied gaily "
    "handsome hasten hastened hearken kindred lad lads lodging lodgings lofty maid maiden maidens manifold melancholy mistress multitude "
    "noble parlour perceive perceived physician procure procured quitted rejoined repaired replied resolved reverence scarce scarcely "
    "servant servants shall sire slain sovereign steed toil tolerably tongue trifling uttered vain valour venerable virtue virtuous woe "
    "wretched ay aye o dearest esteem felicity gentleman gentlemen heaven heavens pray proceeded tranquil whom "
    "thus therefore indeed presently thither besides immense peculiar entirely exceedingly splendid ought ladies lady sir "
    "hitherto manner agreeable disposition acquaintance affection inquired inquire honour whose"
)
"""Words commoner before 1900 than after, but in use."""
PRESENT_WORDS = (
    "ok okay guy guys kid kids dad mom movie movies film films tv television video videos phone phones computer computers online internet "
    "web website websites email user users data database software hardware file files code app apps digital teenager teen job jobs team "
    "teams focus focused focuses basically actually really totally awesome stuff weird crazy pretty process processes impact issue issues "
    "project projects feedback access default media global environment environmental technology technologies research researchers policy "
    "program programs programme percent dollars million billion plus airport airplane car cars truck bus radio police cop cops sex sexy "
    "gay racism racist feminist lifestyle budget series episode episodes season plot script cast actor actors director camera fan fans "
    "version versions update updated support supports feature features option options setup input output server network security test "
    "tests testing example examples model models analysis approach based using via results university professional international "
    "federal government economic economy president minister u.s league club players player game games album song songs band rock"
)
"""Words commoner since 1950 than before."""
FIRST_WORDS = "i me my mine myself we us our ours ourselves i'm i've i'll i'd we're we've we'll we'd"
CONTRACTIONS = (
    "don't doesn't didn't can't couldn't won't wouldn't shouldn't isn't aren't wasn't weren't haven't hasn't hadn't ain't mustn't needn't "
    "i'm i've i'll i'd you're you've you'll you'd he's he'll he'd she's she'll she'd it's it'll it'd we're we've we'll we'd they're "
    "they've they'll they'd that's that'll there's here's what's who's where's how's let's"
)
BE_WORDS = "be am is are was were been being isn't aren't wasn't weren't get gets got getting"
PARTICIPLES = (
    "made done seen held given taken known found told brought thought kept left lost put set shown sent built bought caught led met paid "
    "read said sold taught understood won written broken chosen drawn driven eaten fallen forgotten hidden ridden risen shaken spoken "
    "stolen sworn thrown torn woken worn born borne beaten begun cut hit hurt let shut split spread bound dealt fed felt fought heard hung "
    "laid lent lit meant shot slain spent struck swept swung wound sung sunk drunk run become grown flown"
)
ADJECTIVES = "red bed need indeed tired bored interested excited wed shed seed speed feed sacred hundred naked wicked"
"""Words that end like participles and are none, mostly."""
ABBREVIATIONS = (
    "mr mrs ms dr prof st sr jr vs etc eg ie viz cf al fig figs no nos vol vols pp ch sec eq gen col capt lt maj sgt rev hon messrs mme "
    "mlle inc ltd co corp dept est approx jan feb mar apr jun jul aug sep sept oct nov dec e.g i.e u.s"
)
JARGON_WORDS = (
    "leverage leveraging leveraged utilize utilise utilization utilisation facilitate facilitates facilitating paradigm paradigms synergy "
    "synergies stakeholder stakeholders deliverable deliverables actionable scalable scalability holistic robust seamless seamlessly "
    "streamline streamlined optimize optimise optimization optimisation implementation implementations functionality functionalities "
    "methodology methodologies framework frameworks infrastructure ecosystem ecosystems granular granularity incentivize monetize "
    "benchmark benchmarks bandwidth onboarding workflow workflows heuristic heuristics parameter parameters algorithm algorithms "
    "asymptotic stochastic eigenvalue eigenvalues hereinafter aforementioned heretofore pursuant notwithstanding operationalize "
    "operationalise contextualize contextualise problematize epistemic epistemological ontological hermeneutic discursive dialectic "
    "empirical empirically modality modalities vis-a-vis modulo orthogonal interoperability provisioning instantiate instantiated"
)

MARKS = (",", ";", ":", "—", "?", "!", "(", '"', "'", "…", ".", "-")
"""The punctuation that is counted; each stands for its kin: all dashes, all opening brackets, all double quotes."""
PiiKind = Literal["email", "ip", "phone", "card", "iban", "key"]
"""The kinds of personal data that are looked for."""
PII_KINDS: tuple[PiiKind, ...] = get_args(PiiKind)
