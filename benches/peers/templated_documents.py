"""Makes documents that share their template and differ in the facts: no two say the same.

    python templated_documents.py OUT.jsonl [--count 2000] [--seed 1]

Five kinds (results of a company, match report, house for sale, recipe, court report) in equal
shares, mixed. Writes lines of `id`, `kind`, `text`. Same seed, same bytes. The script prints how
alike the documents of a kind are: Jaccard similarity of their word 5-grams, as they stand and with
every number replaced by 0, which some tools do before they compare.
"""

import argparse
import json
import random
import re
from collections.abc import Callable
from pathlib import Path

FIRST = (
    "Aisha Albert Amelia Anton Beatrix Bernard Bryony Caleb Carmen Cecil Chloe Clara Conrad Daphne "
    "Declan Dina Edmund Elena Emeka Esther Fabian Farah Felix Fiona Gareth Gemma Gordon Greta Harun "
    "Hazel Hector Helga Ian Imogen Ines Ivan Jasper Joan Jonas Judith Kamal Kerstin Kofi Lara Leon "
    "Lydia Magnus Maeve Marco Mina Nadia Neville Niamh Olga Oscar Owen Paloma Percy Petra Quentin "
    "Ramona Rashid Rhona Rupert Sabine Samir Silas Sonia Stefan Tamsin Tariq Thelma Tobias Ursula "
    "Vera Victor Walter Wanda Yusuf Zelda"
).split()
LAST = (
    "Abbott Achebe Ainsworth Amador Ashdown Barlow Beckmann Benning Blackwood Bosko Braddock Brennan "
    "Calder Carmody Castellan Chaudhry Colquhoun Crowther Dallimore Danso Delacroix Devlin Drummond "
    "Eastwick Ekström Ellery Faraday Fenwick Fitzroy Forsberg Gallagher Gartner Goddard Greenhalgh "
    "Hadley Halloran Hathaway Hendriks Holroyd Iqbal Ingram Jankowski Jarrett Kaminski Keating "
    "Kingsley Koroma Lachlan Langford Laskaris Lindqvist Lockhart Mackay Malone Marchetti Mensah "
    "Merrick Moreau Nakamura Nesbitt Norcross Oakley Obermann Okafor Ormond Paget Pemberton Pinto "
    "Prescott Quigley Radcliffe Ramsden Rousseau Rutledge Salgado Santoro Seymour Sinclair Stroud "
    "Sutcliffe Tanaka Thackeray Tremaine Underhill Vance Verhoeven Villanueva Wainwright Waverly "
    "Whitlock Winslow Wyndham Yates Yilmaz Zeller Zimmer"
).split()
TOWNS = (
    "Ashford Barrow Bexley Blackburn Bodmin Bolton Bridport Buxton Calne Carlisle Chatham Chester "
    "Colne Crewe Cromer Darlington Deal Derby Dorking Dover Dudley Durham Ely Epsom Exeter Falmouth "
    "Fleet Frome Goole Grantham Grimsby Halifax Harlow Hastings Hexham Hitchin Hull Ilkley Ipswich "
    "Keighley Kendal Kettering Kirkby Lancaster Leek Lewes Lincoln Ludlow Luton Lydney Maldon "
    "Margate Matlock Melton Morpeth Nelson Newark Norwich Nuneaton Oldham Oswestry Otley Oxted "
    "Penrith Poole Preston Ramsgate Reading Redcar Ripon Romsey Rugby Ryde Sandwich Selby Settle "
    "Skipton Stafford Stroud Sudbury Swanage Swindon Tenby Thirsk Tiverton Totnes Truro Wakefield "
    "Wareham Watford Wells Weymouth Whitby Widnes Wigan Windsor Woking Worthing Yeovil York"
).split()
STREETS = (
    "Acacia Alma Balmoral Beech Bramble Canal Castle Cedar Chapel Cherry Church Clifton Corn Cross "
    "Dene Elm Fairfield Fern Garden George Grange Grove Harbour Hawthorn Hill Holly Ivy Jubilee King "
    "Laburnum Lime Linden Magdalen Maple Mill Minster Nelson Oak Orchard Park Poplar Priory Quarry "
    "Queen Railway Regent Rose Rowan Sandy School Silver Spring Station Tanner Temple Thorn Tower "
    "Vicarage Victoria Water Well Willow Windmill Woodland"
).split()
ROAD = "Road Street Lane Avenue Crescent Drive Close Terrace Way".split()
MONTHS = (
    "January February March April May June July August September October November December"
).split()
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
FIRM = (
    "Alder Amberley Anvil Arden Argent Beacon Borealis Bright Brook Caldera Carbon Cascade Cobalt "
    "Copper Corvid Delta Drift Ember Falcon Fathom Ferro Garnet Glacier Granite Harrier Helix Heron "
    "Indigo Ironside Juniper Kestrel Keystone Lantern Larch Lumen Mariner Meridian Merlin Northgate "
    "Onyx Orbit Osprey Pinnacle Quartz Quill Redwood Ridgeway Saffron Sable Sextant Slate Solstice "
    "Sterling Summit Tamarack Tern Thistle Tidewater Umber Vanguard Vela Vireo Westlake Zephyr"
).split()
TRADE = (
    "Logistics Foods Instruments Chemicals Packaging Software Textiles Energy Plastics Robotics "
    "Ceramics Brewing Shipping Optics Pharma Tooling Timber Seeds Motors Paper"
).split()
CLUB = "United City Rovers Town Wanderers Athletic Albion County".split()
GOAL = (
    "a low drive|a looping header|a curling free kick|a close-range volley|a deflected shot|"
    "a tap-in at the far post|a fierce half-volley|a clever back-heel|a chip over the goalkeeper|"
    "a penalty sent to the left|a long-range strike|a diving header"
).split("|")
WEATHER = (
    "a blustery|a bitterly cold|a mild and misty|a rain-soaked|a bright but windy|a humid|"
    "a frosty|a grey and drizzly|a warm|an unusually dry"
).split("|")
MEAT = (
    "chicken thighs|lamb shoulder|pork belly|turkey breast|beef shin|rabbit legs|duck legs|"
    "firm tofu|venison haunch|cod fillets|king prawns|chickpeas|butter beans|halloumi"
).split("|")
GREEN = (
    "leeks|fennel|carrots|celeriac|parsnips|courgettes|aubergines|red peppers|kale|spinach|"
    "swede|sweet potatoes|green beans|cauliflower|mushrooms|turnips|peas|cabbage"
).split("|")
SPICE = (
    "cumin|smoked paprika|turmeric|ground coriander|fennel seed|allspice|nutmeg|star anise|"
    "mustard seed|caraway|sumac|cinnamon|white pepper|cardamom|fenugreek|juniper"
).split("|")
HERB = "thyme|rosemary|parsley|tarragon|sage|dill|chervil|mint|basil|oregano|lovage|chives".split("|")
GRAIN = "rice|pearl barley|couscous|polenta|bulgur|new potatoes|egg noodles|quinoa|flatbread".split(
    "|"
)
CRIME = (
    "burglary|handling stolen goods|arson|fraud|dangerous driving|theft|criminal damage|blackmail|"
    "forgery|perverting the course of justice|robbery|false accounting"
).split("|")
THING = (
    "a motorcycle|a crate of whisky|three laptops|a violin|a set of golf clubs|an oil painting|"
    "two mountain bikes|a stamp collection|a silver teapot|copper cable|a trailer|garden machinery|"
    "a wedding ring|a camera|fishing rods|a safe"
).split("|")
JOB = (
    "plumber|warehouse manager|taxi driver|nurse|carpenter|student|chef|lorry driver|teacher|"
    "market trader|electrician|postman|gardener|barman|accountant|roofer|florist|librarian"
).split("|")
FEATURE = (
    "bay window|open fireplace|vaulted ceiling|oak staircase|parquet floor|skylight|wood burner|"
    "breakfast bar|window seat|tiled hallway|roof terrace|conservatory|walk-in pantry|bread oven"
).split("|")
SIGHT = (
    "the canal|the old abbey|the railway viaduct|the golf course|the harbour|the water meadows|"
    "the cathedral|the moor|the botanical gardens|the cricket ground|the castle|the reservoir"
).split("|")

RESULTS = """\
{firm} reports {quarter} results

{town}, {date} – {firm} today announced its results for the {quarter} ended {end}. Revenue was {sum1} million, compared with {sum2} \
million in the same period of the previous year, and the operating margin stood at {margin} per cent.

"We are pleased with the progress we have made in what remains a demanding market," said {boss}, chief executive. "Our people have \
worked hard to serve our customers, and the investments that we made over the past two years are beginning to show in our figures. \
We will go on to keep a close eye on our costs while we build the business for the long term."

The company said that demand had been strongest in {region}, where orders rose by {rise} per cent after the opening of a new site in \
{site}. {extra}

Net debt at the end of the period was {debt} million. The board has decided to pay an interim dividend of {pence} pence a share, to be \
paid on {pay} to shareholders who are on the register at the close of business two weeks before that date.

{cfo}, who joined as chief financial officer from {old} in {since}, said that the balance sheet gave the group the freedom to look at \
acquisitions of a suitable size, but that none was planned before the end of the financial year.

For the full year the company confirmed its earlier guidance and expects capital expenditure of about {capex} million. A conference \
call for analysts and investors will be held this morning, and a recording of it will be made available on the company's website for \
thirty days.

This announcement contains statements about the future that are subject to risks and uncertainties. Actual results may differ from \
those expressed or implied by such statements, and the company accepts no duty to update them other than as the law requires. \
Enquiries: {press}, head of communications.

This announcement was released by a news service that is approved by the regulator to act as a primary information provider. Terms and \
conditions that relate to the use and distribution of this information may apply. Shareholders who hold their shares through a nominee \
or a broker should contact them directly if they wish to change the way in which their dividends are paid.
"""
RESULTS_EXTRA = (
    "Sales to the public sector were lower, as several contracts came to an end and had not been "
    "replaced by the close of the period.",
    "The cost of raw materials and of energy went up again, and only part of the increase could be "
    "passed on to customers.",
    "The order book has never been larger, although deliveries were held up by a shortage of parts "
    "from two suppliers.",
)

MATCH = """\
{home} {g1}-{g2} {away}

{scorer} scored with {goal} in the {minute} minute as {home} beat {away} on {weather} {day} afternoon in front of a crowd of {crowd}.

The visitors had the better of the opening exchanges and should have taken the lead when {forward} was left unmarked at the back post, \
but the header went wide with the goalkeeper beaten. It was a miss that they would come to regret. The home side slowly found their \
feet, began to move the ball more quickly through midfield, and came close twice in the space of a few minutes before they got the \
goal that their pressure deserved.

{extra}

After the break the game opened up. {captain}, back in the side after an injury that had kept him out since {month}, struck the bar \
from the edge of the area, and at the other end {keeper} made a fine save to turn away a shot that was heading for the top corner. \
The referee, {referee}, showed {cards} yellow cards in the second half, most of them for nothing worse than dissent, and was booed off \
the pitch by both sets of supporters at the final whistle.

"I thought we were excellent from start to finish," said the home manager, {manager}. "The lads gave everything and I could not have \
asked for more. We know that there is a long way to go and that nothing has been won yet, but if we keep on playing like this we will \
give ourselves every chance." His opposite number, {other}, said that his players had only themselves to blame. "We had enough chances \
to win two games. At this level you have to take them, and we did not."

The result lifts {home} to {place} in the table, with {points} points. They travel to {next} next weekend for what promises to be \
another hard test, while the visitors have a week off before their cup tie against {cup}.

Tickets for the next home game go on sale to members on the morning after this report and to everybody else two days later, from the \
ticket office at the ground, by telephone or on the club's website. Concessions are available for children, students and pensioners, \
and the family stand will be open as usual.
"""
MATCH_EXTRA = (
    "There was a long delay before half-time while a floodlight that had failed was repaired, and "
    "the players were taken back to the dressing rooms to keep warm.",
    "A penalty appeal just before half-time was waved away, although the pictures on television "
    "suggested that the defender had got nowhere near the ball.",
    "Both teams had to make a change before half-time because of injury, and neither substitute "
    "seemed to have had enough time to warm up properly.",
)

HOUSE = """\
{beds}-bedroom house for sale in {road}, {town}

Guide price: {price} pounds

A well-presented family home in a quiet and sought-after part of {town}, close to {sight} and within easy reach of shops, schools and \
the station. The property has been looked after with care by the present owners, {owners}, and is offered to the market for the first \
time since {since}.

The front door opens to a welcoming entrance hall with stairs to the first floor. The sitting room, which is {length} metres long, has \
a {feature1} and looks out over the garden at the front. To the rear is a generous kitchen and dining room that was fitted in {fitted} \
by {maker}, with a range of matching units, space for a large table, and doors that open on to the terrace. There is also a useful \
utility room and a cloakroom on this floor.

{extra}

Upstairs there are {beds} bedrooms, the largest of them with a {feature2}, and a family bathroom with a bath, a separate shower, a wash \
basin and a heated towel rail. A ladder gives access to the loft, which is boarded and insulated and could be converted to make another \
room, subject to the usual consents.

Outside, the garden is about {garden} metres deep and is laid mainly to lawn, with well-stocked borders, a {tree} tree and a timber shed. \
There is off-street parking at the front of the house for {cars} vehicles.

The house has gas central heating and double glazing throughout. The council tax is in band {band} and the energy rating is {rating}. \
Viewing is strictly by appointment with the sole agents: please call {agent} at our {branch} office on {phone} to arrange a visit. \
These particulars are believed to be correct but their accuracy is not guaranteed and they do not form part of any contract. All \
measurements are approximate, and no appliances have been tested.

Intending purchasers will be asked to produce proof of identity and of the source of their funds before a sale can be agreed, and we \
would ask for your cooperation so that there is no delay. We can arrange a free valuation of your own property and put you in touch \
with an independent mortgage adviser, who may receive a fee from the lender.
"""
HOUSE_EXTRA = (
    "A second reception room, now used as a study, could serve equally well as a playroom or as a "
    "bedroom for guests, and has fitted shelves along one wall.",
    "The garage was turned into a hobby room some years ago and has its own entrance, so that it "
    "would suit anybody who wishes to work from home.",
    "Below the kitchen is a dry cellar with a good head height, light and power, which is at "
    "present used for storage and for the washing machine.",
)

RECIPE = """\
{chef}'s {meat} with {green1} and {spice1}

Serves {serves}. Preparation takes about {prep} minutes, cooking about {cook} minutes.

This is a dish that my {relative} used to make on {day} evenings in {town}, and I have never got tired of it. It is easy to put together, \
it can be made a day ahead, and it tastes even better when it has been warmed up. Do not be tempted to hurry the first stage, because \
most of the flavour comes from letting the onions soften slowly until they are sweet and golden.

Ingredients: {grams} grams of {meat}, {n1} onions, {n2} cloves of garlic, {g1} grams of {green1}, {g2} grams of {green2}, {t1} teaspoons of \
{spice1}, a pinch of {spice2}, a small bunch of {herb}, {stock} millilitres of stock, oil for frying, salt and pepper.

Peel the onions and cut them into thin slices. Warm some oil in a large, heavy pan with a lid, add the onions and a little salt, and cook \
them over a low heat, stirring from time to time, until they are soft. Chop the garlic and add it to the pan together with the {spice1}. \
Stir for another minute, then turn up the heat, add the {meat} and let it take on some colour on all sides.

{extra}

Pour in the stock, bring it to the boil, cover the pan and turn the heat down as low as it will go. Leave it to simmer gently until \
everything is tender. Wash the {green2}, cut it into pieces that are not too small, and add it to the pan about {late} minutes before the \
end. Taste the sauce and add more salt and pepper if you think that it needs it.

Take the pan off the heat and let it stand for a few minutes with the lid on. Scatter the {herb} over the top and serve it at once with \
{grain}. Whatever is left over can be kept in the refrigerator for up to three days, or in the freezer for up to {months} months.

Some notes for cooks who have not made a dish of this kind before: a heavy pan keeps the heat even and stops the bottom from burning, a \
lid that fits well keeps the liquid in, and patience does the rest. If the sauce seems too thin at the end, take the lid off and let it \
boil for a little longer; if it seems too thick, add a splash of hot water and stir.
"""
RECIPE_EXTRA = (
    "If you like a thicker sauce, dust everything with a spoonful of flour at this point and stir "
    "well so that no lumps are left.",
    "A small glass of wine does no harm here: let it bubble until nearly all of it has gone before "
    "you go on with the recipe.",
    "At this stage the pan can be put aside for an hour or two, should your guests be late or the "
    "kitchen be needed for something else.",
)

COURT = """\
{town} {job} jailed for {crime}

A {job} from {town} who admitted {crime} has been sent to prison for {term} months by a judge who told him that he had shown no thought for \
anyone but himself. {name}, {age}, of {road}, appeared at {court} Crown Court on {day}, where he was also ordered to pay {cost} pounds in costs.

The court heard that police were called to a house in {place} in the early hours of {date} after a neighbour, {neighbour}, heard the sound of \
breaking glass and saw a man running away from the back of the building. Officers searched the area with the help of a dog and found \
{thing} hidden under a hedge not far from where the man lived. His fingerprints were later found on it.

{prosecutor}, prosecuting, said that the defendant had at first denied that he had ever been near the house, and had changed his plea only \
on the morning that his trial was due to begin. He had {before} previous convictions, the last of them at {old} in {since}. The owner, who \
did not wish to be named in court, had been left feeling unsafe in a home where the family had lived for {years} years.

{extra}

In mitigation, {defender} said that her client was sorry for what he had done and that he had been under great strain at the time, after \
the loss of his work and the end of a long relationship. He had since begun to put his life in order, had found somewhere to live, and \
had the support of his family, several of whom had come to court.

Passing sentence, Judge {judge} said that offences of this kind caused a great deal of distress and that only a custodial sentence could be \
justified. Speaking after the hearing, Detective Constable {officer} thanked the witness, and said that anyone who had information about \
other incidents in the area should get in touch with the police or call the charity Crimestoppers without giving their name.

Reports of cases before the criminal courts appear on these pages every week. Readers who believe that a report is not accurate, or who \
would like to know how complaints are dealt with, should write to the editor within a month of the day on which it was published; the \
address of the newsroom and the code of conduct are to be found on the last page.
"""
COURT_EXTRA = (
    "A statement was read out in which the victim described how hard it had been to sleep since "
    "that night, and how the children would no longer stay at home alone.",
    "The damage to the door and to two windows had cost a large sum to put right, and the insurance "
    "company had so far refused to pay for any of it.",
    "A second man who had been arrested at the same time was released without charge, after the "
    "police accepted that he had only given the defendant a lift.",
)


class Facts:
    """Draws facts of one document from its own generator."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.pick = rng.choice
        self.number = rng.randint

    def person(self) -> str:
        return f"{self.pick(FIRST)} {self.pick(LAST)}"

    def firm(self) -> str:
        return f"{self.pick(FIRM)} {self.pick(TRADE)}"

    def road(self) -> str:
        return f"{self.number(1, 180)} {self.pick(STREETS)} {self.pick(ROAD)}"

    def date(self) -> str:
        return f"{self.number(1, 28)} {self.pick(MONTHS)} {self.number(2009, 2026)}"

    def decimal(self, low: int, high: int) -> str:
        return f"{self.rng.uniform(low, high):.1f}"

    def rarely(self, texts: tuple[str, ...]) -> str:
        """Mostly the first."""
        return self.rng.choices(texts, (6, 1, 1))[0]

    def two(self, things: list[str]) -> list[str]:
        return self.rng.sample(things, 2)


def ordinal(number: int) -> str:
    ending = "th" if number // 10 == 1 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def results(f: Facts) -> str:
    town, site = f.two(TOWNS)
    return RESULTS.format(
        firm=f.firm(), town=town, site=site, date=f.date(), end=f.date(), pay=f.date(),
        quarter=f.pick(("first quarter", "second quarter", "half-year", "third quarter")),
        sum1=f.decimal(20, 900), sum2=f.decimal(20, 900), margin=f.decimal(2, 29),
        boss=f.person(), cfo=f.person(), press=f.person(), old=f.firm(),
        region=f.pick(("Scandinavia", "South America", "the Gulf", "Japan", "Central Europe",
                       "West Africa", "Canada", "Iberia", "India", "Australia")),
        rise=f.decimal(3, 60), debt=f.decimal(5, 400), pence=f.decimal(1, 40),
        since=f.number(1998, 2024), capex=f.number(3, 240), extra=f.rarely(RESULTS_EXTRA),
    )  # fmt: skip


def match(f: Facts) -> str:
    towns = f.rng.sample(TOWNS, 4)
    home, away, next_, cup = (f"{town} {f.pick(CLUB)}" for town in towns)
    loser = f.number(0, 3)
    return MATCH.format(
        home=home, away=away, next=next_, cup=cup, g1=loser + f.number(1, 3), g2=loser,
        scorer=f.person(), forward=f.person(), captain=f.person(), keeper=f.person(),
        referee=f.person(), manager=f.person(), other=f.person(), goal=f.pick(GOAL),
        minute=ordinal(f.number(4, 45)), weather=f.pick(WEATHER), day=f.pick(DAYS),
        crowd=f"{f.number(900, 41000):,}", month=f.pick(MONTHS), cards=f.number(2, 11),
        place=ordinal(f.number(2, 20)), points=f.number(11, 88), extra=f.rarely(MATCH_EXTRA),
    )  # fmt: skip


def house(f: Facts) -> str:
    town, branch = f.two(TOWNS)
    feature1, feature2 = f.two(FEATURE)
    return HOUSE.format(
        beds=f.pick("three four five six two".split()), road=f.road(), town=town, branch=branch,
        price=f"{f.number(140, 1900)},{f.pick(('000', '500', '950'))}", sight=f.pick(SIGHT),
        owners=f"{f.pick(FIRST)} and {f.person()}", since=f.number(1961, 2019),
        length=f.decimal(4, 11), feature1=feature1, feature2=feature2, fitted=f.number(2001, 2025),
        maker=f.firm(), garden=f.number(9, 75), cars=f.pick("two three four five".split()),
        tree=f.pick("apple pear cherry walnut plum magnolia fig birch quince mulberry".split()),
        band=f.pick("ABCDEFGH"), rating=f.pick("ABCDE"), agent=f.person(),
        phone=f"0{f.number(1200, 1990)} {f.number(200000, 999999)}", extra=f.rarely(HOUSE_EXTRA),
    )  # fmt: skip


def recipe(f: Facts) -> str:
    green1, green2 = f.two(GREEN)
    spice1, spice2 = f.two(SPICE)
    return RECIPE.format(
        chef=f.pick(FIRST), meat=f.pick(MEAT), green1=green1, green2=green2, spice1=spice1,
        spice2=spice2, serves=f.number(2, 12), prep=f.number(10, 55), cook=f.number(25, 190),
        relative=f.pick("grandmother aunt father uncle neighbour sister godfather cousin".split()),
        day=f.pick(DAYS), town=f.pick(TOWNS), grams=f.number(5, 30) * 50, n1=f.number(2, 7),
        n2=f.number(2, 9), g1=f.number(4, 20) * 25, g2=f.number(4, 20) * 25, t1=f.number(2, 5),
        herb=f.pick(HERB), stock=f.number(6, 30) * 50, late=f.number(5, 25), grain=f.pick(GRAIN),
        months=f.number(2, 9), extra=f.rarely(RECIPE_EXTRA),
    )  # fmt: skip


def court(f: Facts) -> str:
    town, court_, place, old = f.rng.sample(TOWNS, 4)
    return COURT.format(
        town=town, court=court_, place=place, old=old, job=f.pick(JOB), crime=f.pick(CRIME),
        term=f.number(4, 70), name=f.person(), age=f.number(19, 78), road=f.road(), day=f.pick(DAYS),
        cost=f.number(85, 2900), date=f.date(), neighbour=f.person(), thing=f.pick(THING),
        prosecutor=f.person(), before=f.number(2, 38), since=f.number(2001, 2025),
        years=f.number(3, 41), defender=f.person(), judge=f.person(), officer=f.person(),
        extra=f.rarely(COURT_EXTRA),
    )  # fmt: skip


KINDS: dict[str, Callable[[Facts], str]] = {
    "results": results,
    "match": match,
    "house": house,
    "recipe": recipe,
    "court": court,
}


def make(count: int, seed: int) -> list[dict[str, str]]:
    documents = []
    for i in range(count):
        kind = list(KINDS)[i % len(KINDS)]
        facts = Facts(random.Random(f"{seed}/{kind}/{i}"))
        documents.append({"id": f"{kind}-{i}", "kind": kind, "text": KINDS[kind](facts)})
    random.Random(seed).shuffle(documents)
    return documents


def five_grams(text: str, numbers: bool = True) -> frozenset[tuple[str, ...]]:
    if not numbers:
        text = re.sub(r"\d+(?:[.,]\d+)*", "0", text)
    words = re.findall(r"\w+", text.lower())
    return frozenset(tuple(words[i : i + 5]) for i in range(len(words) - 4))


def jaccard(a: frozenset, b: frozenset) -> float:
    common = len(a & b)
    return common / (len(a) + len(b) - common)


def similarities(documents: list[dict[str, str]], sample: int, numbers: bool = True) -> list[float]:
    """Of pairs of documents of a kind, drawn at random; of all pairs if `sample` is 0."""
    found, rng = [], random.Random(0)
    for kind in KINDS:
        sets = [five_grams(d["text"], numbers) for d in documents if d["kind"] == kind]
        pairs = [(i, k) for i in range(len(sets)) for k in range(i)]
        if sample:
            pairs = rng.sample(pairs, min(sample // len(KINDS), len(pairs)))
        found += [jaccard(sets[i], sets[k]) for i, k in pairs]
    return sorted(found)


def show_similarities(documents: list[dict[str, str]], sample: int = 20_000) -> None:
    for numbers in (True, False):
        found = similarities(documents, sample, numbers)
        counts = [0] * 20
        for value in found:
            counts[min(int(value * 20), 19)] += 1
        what = "as they stand" if numbers else "numbers as 0"
        at = [found[int(share * (len(found) - 1))] for share in (0, 0.05, 0.5, 0.95, 1)]
        middle = sum(0.5 <= value <= 0.75 for value in found) / len(found)
        print(f"J of {len(found):,} pairs of a template, {what}: min, 5 %, median, 95 %, max", end=" ")
        print(", ".join(f"{value:.3f}" for value in at) + f"; {middle:.1%} between .5 and .75")
        steps = [f".{5 * i:02}: {n / len(found):.1%}" for i, n in enumerate(counts) if n]
        print("  from " + ", ".join(steps))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("output", type=Path)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sample", type=int, default=20_000, help="pairs to compare; 0 for all")
    arguments = parser.parse_args()
    documents = make(arguments.count, arguments.seed)
    with arguments.output.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(json.dumps(d, ensure_ascii=False) + "\n" for d in documents)
    show_similarities(documents, arguments.sample)


if __name__ == "__main__":
    main()
