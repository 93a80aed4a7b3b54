//! Phrases of page furniture, English and Chinese.

/// Kinds of furniture that a line is known by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    /// Notices of cookies and consent.
    Cookies,
    /// Copyright, terms, contact: what stands at the foot of pages.
    Footer,
    /// Sharing, following, subscribing.
    Share,
    /// `Read more`, cut teasers.
    Teaser,
    /// Headings of lists of other pages; advertisements.
    Related,
    /// Menus: home, search, accounts.
    Navigation,
    /// Comment forms and what stands around comments.
    Comments,
    /// Previous, next, page numbers.
    Pagination,
    /// Names of languages.
    Languages,
    /// A path of links (`Home > News`) or a row of them (`Home | News`).
    Links,
    /// A date or an author's name on a line of their own.
    Byline,
    /// The same line again.
    Repeated,
}

/// How many rules there are.
pub(super) const RULES: usize = 12;

/// Where in a line a phrase has to stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum At {
    /// It is all of the line, but for signs and numbers around it.
    Whole,
    /// The line starts with it and has at most 8 words.
    Start,
    /// Anywhere in a line of at most 12 words.
    Short,
    /// Anywhere in a line of at most 60 words.
    Long,
}

use At::{Long, Short, Start, Whole};
use Rule::{Comments, Cookies, Footer, Languages, Navigation, Pagination, Related, Share, Teaser};

/// The phrases, parted by `/`, in lower case.
pub(super) static PHRASES: &[(Rule, At, &str)] = &[
    (
        Cookies,
        Long,
        "use cookies/uses cookies/use of cookies/using cookies/accept cookies/cookie policy/cookies policy/\
         cookie settings/cookie preferences/cookie notice/cookie consent/accept all cookies/manage cookies/\
         our cookies/these cookies/third-party cookies/使用cookie/使用 cookie/cookie政策/cookie 政策/\
         cookie设置/cookie 设置/接受cookie/接受 cookie/接受所有",
    ),
    (
        Cookies,
        Whole,
        "cookies/accept all/reject all/i agree/got it/accept/ad choices/adchoices/同意",
    ),
    (
        Footer,
        Long,
        "all rights reserved/copyright ©/copyright (c)/版权所有/保留所有权利/保留一切权利/版权声明/icp备/icp证/\
         公网安备/违法和不良信息/do not sell my/may not be published, broadcast/未经授权/未经书面授权",
    ),
    (
        Footer,
        Short,
        "privacy policy/privacy notice/privacy statement/privacy & cookies/terms of use/terms of service/\
         terms & conditions/terms and conditions/terms of sale/user agreement/powered by/contact us/about us/\
         site map/sitemap/advertise with us/help center/help centre/customer service/site by/web design by/\
         隐私政策/隐私声明/隐私权/使用条款/服务条款/用户协议/服务协议/联系我们/关于我们/网站地图/友情链接/免责声明/\
         广告服务/招聘信息/帮助中心/意见反馈/网站声明/法律声明/诚聘英才/加入我们/联系方式/主办单位/技术支持/投稿邮箱",
    ),
    (
        Footer,
        Whole,
        "privacy/terms/legal/disclaimer/faq/faqs/careers/jobs/imprint/impressum/contact/about/help/support/\
         advertise/press/accessibility/feedback/legal notice/our team/newsroom/contacts/affiliates/sponsors/\
         partners/corrections/classifieds/客服/反馈/帮助/招聘/合作伙伴/站点地图",
    ),
    (Footer, Start, "©/copyright/(c) 20"),
    (
        Share,
        Short,
        "share this/share on/share via/follow us/follow me/follow @/like us on/find us on/connect with us/\
         subscribe to/subscribe now/subscribe today/newsletter/sign up for/join our/rss feed/get the app/\
         download our app/download the app/tweet this/pin it/email this/print this/send to a friend/copy link/\
         (opens in new window)/click to share/get updates/stay connected/push notifications/enable notifications/\
         分享到/扫一扫/扫描二维码/二维码/关注我们/官方微信/官方微博/微信公众号/公众号/朋友圈/qq空间/微信好友/\
         新浪微博/腾讯微博/qq好友/订阅/下载app/下载客户端/客户端下载/收藏本站/收藏文章/打印本页/我要分享",
    ),
    (
        Share,
        Whole,
        "share/tweet/facebook/twitter/linkedin/whatsapp/pinterest/reddit/tumblr/instagram/youtube/google+/\
         google plus/flipboard/telegram/email/e-mail/print/rss/subscribe/follow/like/save/messenger/vkontakte/\
         stumbleupon/digg/pocket/snapchat/tiktok/flickr/share article/more sharing options/email article/\
         shares/send/link/分享/微博/微信/点赞/收藏/转发/打印/关注/qq/小红书/抖音/知乎/豆瓣",
    ),
    (
        Teaser,
        Short,
        "read more/continue reading/learn more/see more/view more/show more/load more/view all/see all/show all/\
         more »/more >>/full story/full article/click here/find out more/more info/more information/\
         read the full/keep reading/watch now/shop now/buy now/阅读全文/查看更多/更多>>/更多 >>/更多»/点击查看/\
         查看详情/查看全部/阅读更多/了解更多/点击进入/加载更多/[详细]/查看原文/展开全文/更多内容",
    ),
    (
        Teaser,
        Whole,
        "more/more.../more…/expand/collapse/details/更多/更多.../详情/详细/展开/收起/全文",
    ),
    (
        Related,
        Short,
        "related articles/related posts/related stories/related content/related news/related topics/\
         related coverage/related video/related links/you may also like/you might also like/you may like/\
         recommended for you/most popular/most read/most viewed/most shared/trending now/latest news/\
         popular posts/recent posts/recent comments/recent articles/latest stories/latest posts/top stories/\
         more stories/more news/editor's picks/editors' picks/editor’s picks/editors’ picks/what to read next/\
         read next/up next/don't miss/don’t miss/from the web/around the web/sponsored content/paid content/\
         featured posts/in case you missed/advertisement/more from/more in /more on this/see also:/\
         相关阅读/相关文章/相关新闻/相关报道/相关推荐/相关内容/相关链接/推荐阅读/热门文章/热门推荐/热门新闻/\
         最新文章/最新消息/猜你喜欢/延伸阅读/精彩推荐/编辑推荐/今日推荐/大家都在看/为您推荐/新闻排行/热门标签/\
         热门话题/热点推荐/点击排行/排行榜/上一篇/下一篇/精彩评论",
    ),
    (
        Related,
        Whole,
        "related/trending/popular/recommended/featured/sponsored/ad/ads/advertising/latest/tags/categories/\
         archives/topics/sections/blogroll/promoted/ad feedback/video/videos/photos/gallery/广告/推荐/热门/最新/\
         标签/分类/归档/专题/排行/热图/图片/视频",
    ),
    (
        Navigation,
        Short,
        "skip to content/skip to main/skip to navigation/toggle navigation/toggle menu/main menu/\
         back to top/return to top/go to top/my account/log in/sign in/sign up/create account/\
         create an account/forgot password/forgot your password/shopping cart/add to cart/search for/\
         search this site/close menu/open menu/jump to navigation/switch to/view mobile/desktop site/\
         返回顶部/回到顶部/返回首页/我的账户/购物车/忘记密码/加入收藏/设为首页/全部频道/网站导航/无障碍/立即注册/\
         免费注册/用户登录/一键登录",
    ),
    (
        Navigation,
        Whole,
        "home/menu/search/login/logout/log out/sign out/register/cart/checkout/wishlist/navigation/close/\
         news/sports/sport/business/politics/opinion/entertainment/technology/tech/science/health/travel/\
         lifestyle/world/weather/culture/money/food/style/events/shop/store/blog/forum/forums/community/\
         products/services/resources/solutions/company/investors/account/settings/profile/members/\
         首页/登录/注册/搜索/菜单/导航/退出/新闻/体育/娱乐/财经/科技/教育/文化/军事/国际/国内/社会/汽车/房产/时尚/\
         健康/旅游/游戏/论坛/博客/评论员/时政/股票/证券/数码/读书/生活/历史/公益/直播",
    ),
    (
        Comments,
        Short,
        "leave a comment/leave a reply/post a comment/post comment/add a comment/add comment/write a comment/\
         submit comment/your email address will not/required fields are marked/log in to comment/\
         login to comment/log in to reply/log in to post/sign in to comment/report abuse/view comments/\
         no comments/comments are closed/comments closed/join the conversation/join the discussion/\
         view all comments/show comments/be the first to comment/sort by/notify me of/cancel reply/\
         comments powered by/thank you for commenting/comments off/reply to this/in reply to/flag as/\
         发表评论/我要评论/网友评论/条评论/暂无评论/最新评论/热门评论/还没有评论/评论内容/抢沙发/去热评/我来说两句/\
         条回复/参与评论/查看评论/请登录后",
    ),
    (
        Comments,
        Whole,
        "reply/comments/comment/permalink/report/flag/upvote/downvote/newest/oldest/best/edit/delete/quote/\
         likes/like this/name */email */website/replies/评论/回复/举报/点评/跟帖/顶/踩",
    ),
    (
        Pagination,
        Whole,
        "previous/next/prev/older posts/newer posts/older/newer/first/last/next page/previous page/\
         previous article/next article/previous post/next post/previous story/next story/load/back/page/\
         上一页/下一页/首页/尾页/末页/返回/上一章/下一章",
    ),
    (
        Languages,
        Whole,
        "english/deutsch/français/español/italiano/português/русский/中文/日本語/한국어/nederlands/polski/türkçe/\
         العربية/svenska/čeština/dansk/suomi/magyar/română/ελληνικά/українська/עברית/tiếng việt/ไทย/\
         bahasa indonesia/norsk/hrvatski/български/简体中文/繁體中文/繁体中文/português (brasil)/slovenčina/\
         català/srpski/српски/हिन्दी/فارسی/中文 (简体)/中文 (繁體)/english (us)/english (uk)/norsk bokmål",
    ),
];

/// Months, as they stand in dates.
pub(super) static MONTHS: [&str; 24] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
    "jan",
    "feb",
    "mar",
    "apr",
    "jun",
    "jul",
    "aug",
    "sep",
    "sept",
    "oct",
    "nov",
    "dec",
];

/// What a line with a date or an author begins with.
pub(super) static BYLINES: [&str; 24] = [
    "by ",
    "posted by",
    "posted on",
    "posted in",
    "published",
    "updated",
    "last updated",
    "written by",
    "author:",
    "source:",
    "photo:",
    "filed under",
    "tags:",
    "tagged",
    "categories:",
    "发布时间",
    "发稿时间",
    "发表于",
    "发布于",
    "作者",
    "来源",
    "责任编辑",
    "编辑：",
    "更新时间",
];
