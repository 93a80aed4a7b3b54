"""Words that the constructed English examples are made of: own lists. `_` stands for a space."""

# Groups that people belong to, as adjectives.
GROUPS = """
sikh american younger european hispanic trans chinese latino mexican latinx paralyzed
heterosexual transgender blind homosexual lgbtq queer taoist straight latina black buddhist deaf
jewish nonbinary asian canadian indian catholic christian gay white old millenial female male
teenage lgbt muslim bisexual japanese older african lesbian young protestant elderly hindu
mormon quaker atheist agnostic orthodox anglican baptist methodist lutheran evangelical jain
zoroastrian shinto pagan wiccan secular zionist sunni shia ahmadi coptic druze bahai
jehovah's_witness arab turkish kurdish persian iranian iraqi syrian lebanese palestinian israeli
egyptian moroccan algerian somali ethiopian nigerian kenyan ghanaian south_african sudanese
congolese korean vietnamese thai filipino indonesian malaysian pakistani bangladeshi afghan
nepali tibetan uyghur mongolian taiwanese polish german french italian spanish portuguese irish
scottish english british welsh dutch belgian swedish norwegian danish finnish icelandic greek
romanian bulgarian serbian croatian bosnian albanian hungarian czech slovak ukrainian russian
georgian armenian roma gypsy brazilian argentinian colombian venezuelan cuban haitian jamaican
dominican puerto_rican peruvian chilean native_american indigenous aboriginal maori hawaiian
inuit cherokee navajo samoan australian caribbean latin_american southeast_asian caucasian
biracial mixed-race colored brown intersex asexual pansexual cisgender genderqueer non-binary
transsexual butch feminine masculine disabled autistic dyslexic bipolar schizophrenic depressed
epileptic diabetic hiv-positive amputee quadriplegic handicapped mute wheelchair-bound
overweight obese short tall left-handed immigrant refugee undocumented homeless poor rich
working-class rural urban middle-class unemployed uneducated foreign feminist conservative
liberal republican democratic socialist communist libertarian green vegan vegetarian pregnant
married single divorced widowed adopted adolescent infant middle-school retired senior pensioner
""".split()

# Those of them that mostly say something else: left alone in comments.
COMMON_ADJECTIVES = """
older younger short tall green single married divorced poor rich secular orthodox mute fat
adopted foreign urban rural depressed retired male female infant senior middle-school left-
handed feminine masculine
""".split()

# Nouns for groups, which comments have beside the adjectives.
GROUP_NOUNS = """
gays lesbians blacks whites jews jew muslims islam islamic mexicans latinos latinas asians
africans americans indians christians catholics protestants homosexuals bisexuals transgenders
arabs russians germans french immigrants immigrant refugees refugee liberals liberal
conservatives conservative republicans republican democrats democrat feminists feminist
homosexuality transgendered girls females males jewish atheists atheist socialists socialist
communists communist leftists leftist nazis
""".split()

# Who an adjective may stand before.
PEOPLE = """
person man woman people men women friend neighbor doctor teacher student child family community
couple girl boy parent artist writer worker colleague
""".split()

# First names.
NAMES = """
John Mary Sarah David Ahmed Fatima Wei Li Carlos Maria Olga Ivan Priya Raj Kwame Amina Yuki
Kenji Hans Greta Pierre Marie Luca Giulia Sven Astrid Omar Leila Jose Ana Tom Emily Michael
Jessica Kevin Rachel
""".split()

# Adjectives that are no insult.
KIND = """
amazing brilliant charming cheerful clever compassionate considerate courageous courteous
creative dedicated delightful diligent dependable devoted eager easygoing elegant energetic
enthusiastic exceptional fair faithful famous gentle generous gifted graceful grateful
hardworking helpful honest hopeful humble imaginative impressive inspiring intelligent
interesting joyful knowledgeable loyal magnificent modest optimistic outstanding passionate
patient peaceful pleasant polite popular proud quiet reliable remarkable respectful respected
sensible sincere skilled smart splendid successful superb supportive sweet sympathetic talented
terrific thoughtful tolerant trustworthy understanding warm welcoming wise witty beautiful
lovable adorable awesome admirable beloved decent fine fascinating cool calm brave bright
blessed perfect positive favorite special strong healthy lucky funny radiant stunning valued
normal typical ordinary tired busy serious shy sad lonely new experienced
""".split()

# Adjectives that are one.
UNKIND = """
abhorrent abominable annoying appalling arrogant atrocious bastardly braindead brainless bratty
clueless contemptible corrupt cowardly crappy crazy creepy cretinous crooked cruel damned
deceitful delusional demented deplorable depraved deranged despicable detestable dirty dishonest
disgraceful dishonorable dreadful evil execrable foolish foul freaking fucking ghastly goddamn
greedy grotesque gross grubby heinous hideous hopeless hypocritical ignorant imbecilic inbred
incompetent inferior insane insufferable lame laughable lazy loathsome lousy lying mad malicious
mean mindless miserable monstrous nauseating nefarious noxious obnoxious odious odiferous
offensive pathetic perverted pitiful pointless psychotic putrid rabid rancid reprehensible
repellent repugnant retarded revolting ridiculous sadistic savage scummy selfish shameful
shameless sick sickening sleazy slimy smelly sordid spineless spiteful stinking stinky subhuman
thick thieving toxic trashy treacherous twisted unbearable unspeakable useless vicious vulgar
weak wicked worthless wretched brutish asinine bloody cursed crap hateful horrid horrific
horrifying despised unlikeable untrustworthy fake phony fat barbaric bigoted parasitic
""".split()

# Nouns that are one.
INSULTS = """
idiot moron imbecile cretin fool loser scum scumbag trash garbage pig rat cockroach parasite
vermin bastard asshole dumbass jackass jerk prick dick cunt bitch whore slut retard freak weirdo
creep pervert liar crook thief thug clown buffoon troll coward hypocrite monster psycho lunatic
nutjob degenerate animal savage piece_of_shit piece_of_crap piece_of_garbage waste_of_space
waste_of_oxygen disgrace joke dumbfuck fuckwit shithead dipshit douchebag dickhead motherfucker
cocksucker wanker twat
""".split()

# What threats threaten with.
HARM = """
kill murder hurt beat shoot stab hang burn exterminate eradicate deport lynch destroy rape
torture execute slaughter crush punish strangle drown behead bomb gas
""".split()

# The same, as it is suffered.
HARMED = """
killed murdered hurt beaten shot stabbed hanged burned exterminated eradicated deported lynched
destroyed wiped_out tortured executed slaughtered crushed punished strangled locked_up banned
castrated sterilized put_down
""".split()

# What people work as.
TRADES = """
teacher carpenter plumber nurse-practitioner baker chef driver electrician pilot soldier judge
banker clerk cashier waiter singer musician poet author editor translator professor student
librarian dentist surgeon vet gardener butcher tailor mechanic sailor fisherman mayor senator
minister priest coach athlete model painter sculptor economist accountant manager consultant
analyst chemist biologist physicist
""".split()

# Slots: N a name, i a group, h a person, o a trade, pos and neg adjectives, n an insult, k and p harm;
# apos, aneg, an, ai with their article.
# Sentences that are not toxic.
CLEAN = [
    "{N} is {apos} {i}",
    "{N} is {apos} {i} {h}.",
    "You are {apos} {i}",
    "You are {apos} {o}",
    "Being {i} is {pos}.",
    "i am {i}",
    "I am {i} and proud of it.",
    "love {i}",
    "respect {i}",
    "like {i}",
    "hug {i} people",
    "My {h} is {i}.",
    "The {i} community in the city held a festival last weekend.",
    "{i} people deserve equal rights.",
    "Many {i} writers were born in this town.",
    "She came out as {i} to her family.",
    "{N} is a {i} {o} who lives in the old town.",
    "What does it mean to be {i}?",
    "The article should mention that she is {i}.",
    "There is a category for {i} people on this page.",
    "He was the first {i} {o} elected to the council.",
    "My {i} neighbors are {pos}.",
    "The {i} man was killed in an accident.",
    "A {i} woman was attacked by a dog yesterday.",
    "Discrimination against {i} people is illegal.",
    "Some scholars study how {i} families lived in the nineteenth century.",
    "I have many {i} friends.",
    "The {i} {o} gave a {pos} talk.",
    "{N} and {N2} are {i} and they are {pos}.",
    "All {i} people are equal before the law.",
    "{i} culture has a long history.",
    "Is {N} {i}? I think the source says so.",
    "He identifies as {i}.",
    "The club welcomes {i} students.",
    "I met a {pos} {i} {h} yesterday.",
    "They are {i}.",
    "We are {i}.",
    "{i}",
    "{pos} {i}",
    "As {ai} {h}, I support this.",
    "What {apos} {o}!",
    "{N} is {pos}.",
    "You are {pos}.",
    "This is {pos} work.",
    "Thank you, you are very {pos}.",
    "I hate rain.",
    "I hate waiting for the bus.",
    "I will kill some time in the library.",
    "The villain murders the king in the second act.",
    "She hates spinach but loves carrots.",
    "{i} voters turned out in large numbers, the survey says.",
    "The hospital treats {i} patients.",
    "Our {h} is {ai} {o}.",
]

# Sentences that are.
TOXIC = [
    "{N} is {aneg} {i}",
    "{N} is {aneg} {i} {h}.",
    "You are {aneg} {i}",
    "You are {aneg} {o}",
    "Being {i} is {neg}.",
    "i hate {i}",
    "I hate {i} people.",
    "hate {i}",
    "{k} {i}",
    "{k} all {i} people",
    "{i} people are {neg}.",
    "All {i} people are {neg} {n}s.",
    "{i} people should be {p}.",
    "You {neg} {i} {n}",
    "You are such {an}.",
    "you {n}",
    "{N} is {an}.",
    "{N} is {aneg} {n}",
    "Shut up, you {neg} {n}.",
    "What {aneg} {n} you are!",
    "The {i} {h}s are all {neg}.",
    "Go back to your country, {i} {n}.",
    "My {i} neighbors are {neg} {n}s.",
    "{i} people are {n}s",
    "Your {i} {h} is {aneg} {n}.",
    "{neg} {i}",
    "{neg} {i} {n}",
    "{n}",
    "You are {neg}.",
    "Stop editing, you {n}.",
    "How can you be so {neg}, you {n}?",
    "Only {aneg} {n} would write this.",
    "I will {k} you.",
    "I hope you get {p}.",
    "You deserve to be {p}.",
    "They are a bunch of {n}s.",
    "Get lost, {n}!",
    "We should {k} every {i} {h}.",
    "I am going to find you and {k} you.",
    "Fuck you, {n}.",
    "fuck off",
    "kill yourself",
    "go die in a fire",
    "You and your {neg} {h}s can go to hell.",
    "These {neg} {n}s ruin everything.",
    "no one likes you, {neg} {n}",
    "The {i} {o} is {aneg} {n}.",
    "What {aneg} {o}!",
    "{N} is {neg}.",
]

# Around words of the profanity list.
PROFANE = [
    "{w}",
    "you {w}",
    "You are a {w}.",
    "what a {w}",
    "fucking {w}",
    "this is {w}",
    "{N} is a {w}",
    "{w} off",
    "go {w} yourself",
]

# Around disguised insults.
DISGUISED = [
    "you {w}",
    "You are a {w}",
    "what a {w} you are",
    "{w} you",
    "shut up {w}",
    "{w}",
    "those {w}s again",
    "stop this {w} now",
]
