/** What the demo asks about: about 2,000 tokens, written for it. Paragraphs stand on lines of their own. */
export const document = `NOTES ON FARROW POINT LIGHT

Farrow Point Light stands on a black rock at the mouth of the river Tessel, two miles from the harbour town of Mallow. The tower is forty-one metres high and built of grey granite. It was lit for the first time on the ninth of October 1871, in a gale, with eleven people watching from the quay. The first keeper was Edmund Harrow, a clockmaker, who had never lived by the sea before and who stayed for thirty-three years.

The tower was the work of an engineer named Clara Voss. She had asked for a rock of hard stone, a road of stone across the sands, and three years. She was given a rock of hard stone, no road, and two years. Every block of granite came by barge from the quarry at Saint Orrin and was lifted by a crane that six men turned by hand. Each block was cut so that it locks into its neighbours above, below and on both sides, in the way of a wooden joint, and no mortar was used below the high-water mark. When she was asked why, Voss wrote that mortar is a promise and a joint is a fact.

The lamp burned rape oil at first, then paraffin from 1889, and electric current from 1934. The lens is older than the lamp that stands in it now. It was ground in Paris, travelled in nineteen crates packed with wool, and weighs a little more than two tonnes. It floats on a bath of mercury, so that a child could turn it with one finger, and the clockwork that turned it had to be wound every four hours. The light shows two white flashes every fifteen seconds. Sailors of the coast say that it blinks twice because it does not quite believe what it sees.

A keeper's day began at noon. The lens was cleaned with a linen cloth and spirit of wine, never with water, because the water of the rock is half salt. The brass was polished on Mondays and Thursdays. The oil was carried up one hundred and ninety-six steps, in cans of nine litres, and every can was entered in a book. At dusk the keeper drew the curtains back from the lantern room, where they had kept the sun out of the lens: a lens that can throw a lamp twenty miles out to sea can as easily throw the sun onto the curtains and set them on fire. That happened once, in the summer of 1880, and Harrow put it out with a bucket of tea.

Three keepers lived on the rock at a time, each for six weeks, and then went ashore for two. Letters came with the supply boat on Tuesdays if the sea allowed it. In the winter of 1896 the sea did not allow it for fifty-three days. The keepers ate the last of their flour on the fortieth day, and after that they lived on limpets, dried peas and one very large cod. Harrow wrote in the log that the cod had been thanked by name, but he did not write down the name.

The log of Farrow Point is kept in the town library of Mallow and fills sixty-two volumes. It notes the weather six times a day, every ship that passed in daylight, every bird that struck the lantern, and the temper of the second keeper. The handwriting is small because paper was dear. The longest entry is about the night of the fourth of March 1903, when the steamer Anna Lind lost her rudder in the channel and drifted towards the rock with eighty-four people on board. The keepers fired a line to her with a rocket at the third attempt. All eighty-four came ashore, along with a piano tuner's dog called Bishop, which never left the rock again and was entered in the book of supplies as a barometer.

The dog had earned the title. Some hours before the weather turned it would lie down in front of the oil store and refuse to be moved. The keepers compared its judgement with that of the instrument on the wall for two years and found that the dog was right nine times out of ten and the instrument eight times. The inspector who came from the capital in 1905 was told of this. He did not believe it, went out fishing on a bright morning against the advice of the dog, and came back wet.

There was a garden. Soil was brought in sacks by the keepers' wives, one sack with every supply boat, for nine years, and laid in a hollow on the side of the rock that faces the land. Potatoes grew there, and kale, and once a sunflower. The wind took the garden in 1907 and again in 1911, and each time it was begun anew with the first sack. The inspectors entered it as ballast, since the rules did not provide for vegetables.

The stairs are a matter of record. Every keeper climbed them about nine times a day, and Harrow, who had made clocks and could not see a number without turning it into another one, reckoned in 1904 that he had climbed to the moon's height above the tower's roof on a clear night, if the moon were no higher than most people think. He drew a line on the wall at the hundredth step and wrote beside it: from here on it is easier, because it is shorter. Visitors still rest there.

There is also a fog signal on the rock. It was a bell until 1891, a siren driven by compressed air until 1958, and then an electric horn. The siren could be heard at a distance of nine miles. Its two engines were named Ruth and Naomi, and they were never run at the same time except once, on the first day of the year 1900, for one minute, at midnight, after a vote. Windows in Mallow rattled and a complaint was filed. The complaint is in the library too, bound into the log between two quiet days.

A song about the light is sung in Mallow at weddings, which is odd, because it is about a wreck that did not happen. It tells how a captain takes the two flashes for the eyes of his wife, who has asked him to be home for supper, and turns the ship around. There are nineteen verses. The last one names all that was for supper, and whoever forgets a dish has to bring it the next time. In this way a soup of crab and barley has survived that no one in the town likes.

The last keepers left on the thirtieth of June 1986, when the light was made automatic. Since then a computer of the size of a shoe box has switched it on and off, and an engineer named Ines Calloway visits twice a year to change the filters and to wind the old clockwork by hand, which is not needed for anything any more. She says that a machine that has turned for a hundred years should not have to find out that it can be spared. On each visit she writes one line in the log, so that the sixty-third volume is now four pages long.

Visitors can walk to the rock on foot across the sands for two hours around low water, on about ninety days of the year. A table at the end of the quay shows the times. There is a rule that nobody may start after the second bell, and there is a bench on the rock, with a hut, blankets and a tin of biscuits, for those who did. The tin is filled by the baker of Mallow, and it has a slot in its lid for coins. In a good year the tin pays for the blankets.

What the light is for has changed. Ships find their way by satellite now, and the pilots of the harbour know the channel as they know their own kitchens. But when the light was dark for one night in November 2011, because a gull had built its nest in the box of the photocell, the harbour master received forty calls before nine o'clock. Most of them did not come from ships. They came from people in the town who could not sleep, because twice every fifteen seconds something that had always touched the wall of their bedroom was not there. The gull was moved to the roof of the hut with all of its eggs, and the light was back by morning.

The rock has its own weather, or so it is held. Rain that falls on Mallow at nine falls on the rock at ten past, and the keepers used to signal the difference with a flag, so that the washing could be brought in. The flag was red with a white hand on it. It hangs in the school now, where it is still raised, ten minutes late, on days when lessons end early.

Those who study the place sometimes ask why a town of four thousand people keeps sixty-two volumes about a rock. The librarian answers that nobody decided to keep them. Each keeper only wrote down what had been seen, so that the next one would not have to look for it again, and the next one read it, and began where the other had stopped. It was the cheapest thing on the rock. Oil had to be carried up and coal had to be paid for, but what had once been found out was free for ever, as long as somebody knew on which page it stood.`;

/** Questions that the document answers: three for the first process, one for the second. */
export const questions = [
  "Who was the first keeper?",
  "What was the dog called?",
  "How high is the tower?",
  "Who was the engineer of the tower?",
] as const;

export const systemPrompt = "You are a helpful AI assistant. Answer in one short sentence.";
